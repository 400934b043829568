"""Pooling: pool.py of the MIL definitions, 1-D to 3-D."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...reference.errors import InputError
from .conv import flat_padding, padding
from .registry import Call, Ints, operation
from .types import check_size

_MAX: dict[int, Any] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _windows(
    x: Tensor, kernel_sizes: Ints, strides: Ints | None, pad_type: str, pad: Ints | None, ceil_mode: bool
) -> tuple[Ints, list[tuple[int, int]]]:
    """Strides, and padding that makes every window whole (with what ceil_mode adds at the far end)."""
    axes = x.ndim - 2
    if axes not in _MAX or len(kernel_sizes) != axes:
        raise InputError(f"x has {axes} spatial axes, kernel_sizes {len(kernel_sizes)}; 1 to 3 wanted")
    strides = strides or (1,) * axes
    sizes = tuple(x.shape[2:])
    pads = padding(pad_type, pad or (0,) * (2 * axes), sizes, kernel_sizes, strides)
    if ceil_mode:
        for i, (before, after) in enumerate(pads):
            spare = sizes[i] + before + after - kernel_sizes[i]
            count = math.ceil(spare / strides[i]) + 1
            # No window may start in the padding at the far end (as torch has it).
            if (count - 1) * strides[i] >= sizes[i] + before and before + after > 0:
                count -= 1
            pads[i] = (before, max(after, (count - 1) * strides[i] + kernel_sizes[i] - sizes[i] - before))
    check_size((*x.shape[:2], *(n + sum(pair) for n, pair in zip(sizes, pads, strict=True))), "the padded x")
    return strides, pads


def _pool(function: Callable[..., Tensor], x: Tensor, kernel: Ints, strides: Ints) -> Tensor:
    return function(x, kernel, strides)


@operation("max_pool")
def max_pool(
    call: Call,
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest value of each window; padding never wins."""
    strides, pads = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    padded = F.pad(x, flat_padding(pads), value=-math.inf)
    return _pool(_MAX[x.ndim - 2], padded, kernel_sizes, strides)


def _window_sums(x: Tensor, pads: list[tuple[int, int]], kernel: Ints, strides: Ints) -> Tensor:
    padded = F.pad(x, flat_padding(pads))
    return _pool(_AVERAGE[x.ndim - 2], padded, kernel, strides) * math.prod(kernel)


@operation("avg_pool")
def avg_pool(
    call: Call,
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """The mean of each window; padding counts as zeros, or not at all.

    What ceil_mode adds at the far end, beyond the padding that was asked for, is never counted (as in torch).
    """
    strides, pads = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    asked = padding(pad_type, pad or (0,) * (2 * len(pads)), tuple(x.shape[2:]), kernel_sizes, strides)
    sums = call.step(_window_sums(x, pads, kernel_sizes, strides))
    if not any(before or after for before, after in pads):
        return sums / math.prod(kernel_sizes)
    ones = torch.ones(1, 1, *x.shape[2:])
    if not exclude_padding_from_average:
        ones = F.pad(ones, flat_padding(asked), value=1.0)
        pads = [(p[0] - a[0], p[1] - a[1]) for p, a in zip(pads, asked, strict=True)]
    counts = torch.round(_window_sums(ones, pads, kernel_sizes, strides))
    return sums / torch.clamp(counts, min=1)


@operation("l2_pool")
def l2_pool(
    call: Call,
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints | None = None,
    pad: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The root of the sum of squares of each window."""
    strides, pads = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    return torch.sqrt(call.step(_window_sums(call.step(x * x), pads, kernel_sizes, strides)))
