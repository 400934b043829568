"""Convolutions: conv.py of the MIL definitions, 1-D to 3-D."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...reference.errors import InputError
from .precision import CHUNK, chunked_product
from .registry import Call, Ints, operation


def padding(pad_type: str, pad: Ints, sizes: Ints, kernel: Ints, strides: Ints) -> list[tuple[int, int]]:
    """Elements to add before and after each spatial axis.

    Args:
        pad_type: "valid", "custom" (then `pad` counts), "same" or "same_lower": the output has
            ceil(size / stride) elements, and an odd one goes behind (same) or in front (same_lower).
        pad: before and after each axis in turn.
        sizes: of the input's spatial axes.
        kernel: of the window, dilation included.
        strides: of the window.

    Raises:
        InputError: an unknown pad_type, or not two numbers an axis.
    """
    axes = len(sizes)
    if pad_type == "valid":
        return [(0, 0)] * axes
    if pad_type == "custom":
        if len(pad) != 2 * axes:
            raise InputError(f"pad has {len(pad)} numbers, {2 * axes} wanted")
        return [(pad[2 * i], pad[2 * i + 1]) for i in range(axes)]
    if pad_type not in ("same", "same_lower"):
        raise InputError(f"unknown pad_type {pad_type!r}")
    result = []
    for size, k, stride in zip(sizes, kernel, strides, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + k - size)
        half, rest = total // 2, total - total // 2
        result.append((half, rest) if pad_type == "same" else (rest, half))
    return result


def flat_padding(pads: list[tuple[int, int]]) -> list[int]:
    """Padding in the order of torch: last axis first."""
    return [number for pair in reversed(pads) for number in pair]


def _convolution(axes: int, transposed: bool) -> Callable[..., Tensor]:
    table: dict[tuple[int, bool], Any] = {
        (1, False): F.conv1d,
        (2, False): F.conv2d,
        (3, False): F.conv3d,
        (1, True): F.conv_transpose1d,
        (2, True): F.conv_transpose2d,
        (3, True): F.conv_transpose3d,
    }
    if (axes, transposed) not in table:
        raise InputError(f"has {axes} spatial axes, 1 to 3 wanted")
    return table[axes, transposed]


def _with_bias(call: Call, x: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return x
    return call.step(x) + bias.reshape([1, -1] + [1] * (x.ndim - 2))


@operation("conv")
def conv(
    call: Call,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Ints | None = None,
    pad_type: str = "valid",
    pad: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """Convolution of n×C×... with C_out×C/groups×kernel."""
    axes = x.ndim - 2
    strides, dilations = strides or (1,) * axes, dilations or (1,) * axes
    kernel = tuple((k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True))
    pads = padding(pad_type, pad or (0,) * (2 * axes), tuple(x.shape[2:]), kernel, strides)
    call.allocate((*x.shape[:2], *(n + sum(pair) for n, pair in zip(x.shape[2:], pads, strict=True))))
    even = all(before == after for before, after in pads)
    if not even:
        x = F.pad(x, flat_padding(pads))
    inside = [before if even else 0 for before, _ in pads]
    function = _convolution(axes, transposed=False)

    def product(a: Tensor, b: Tensor) -> Tensor:
        return function(a, b, None, strides, inside, dilations, groups)

    if not call.inner:
        return function(x, weight, bias, strides, inside, dilations, groups)
    if groups == 1:
        return _with_bias(call, chunked_product(product, x, weight, 1, 1), bias)
    if weight.shape[1] <= CHUNK:
        return _with_bias(call, product(x, weight), bias)
    parts = [
        chunked_product(lambda a, b: function(a, b, None, strides, inside, dilations), a, b, 1, 1)
        for a, b in zip(x.chunk(groups, 1), weight.chunk(groups, 0), strict=True)
    ]
    return _with_bias(call, torch.cat(parts, 1), bias)


@operation("conv_quantized")
def conv_quantized(
    call: Call,
    x: Tensor,
    weight: Tensor,
    quantization_type: str,
    quant_scale: Tensor,
    quant_bias: Tensor,
    bias: Tensor | None = None,
    nbits: int = 8,
    strides: Ints | None = None,
    pad_type: str = "valid",
    pad: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """Convolution with the weights `weight · quant_scale + quant_bias`, the scales along the first axis."""
    if quantization_type != "linear" or nbits != 8:
        raise InputError(f"has {nbits} bits {quantization_type!r}; only 8 bits 'linear' are known")
    shape = [-1] + [1] * (weight.ndim - 1)
    weight = weight.to(torch.float32) * quant_scale.reshape(shape) + quant_bias.reshape(shape)
    bias = None if bias is None else bias.to(torch.float32)
    return conv(call, x, weight, bias, strides, pad_type, pad, dilations, groups)


@operation("conv_transpose")
def conv_transpose(
    call: Call,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Ints | None = None,
    output_shape: Ints | None = None,
    pad_type: str = "valid",
    strides: Ints | None = None,
    dilations: Ints | None = None,
    groups: int = 1,
) -> Tensor:
    """Transposed convolution of n×C×... with C×C_out/groups×kernel; padding cuts off the result."""
    axes = x.ndim - 2
    strides, dilations = strides or (1,) * axes, dilations or (1,) * axes
    kernel = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    full = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], strides, kernel, strict=True)]
    if pad_type in ("same", "same_lower"):
        cuts = []
        for i in range(axes):
            total = full[i] - x.shape[2 + i] * strides[i]
            # A kernel smaller than the stride leaves too few: zeros are added instead of cut.
            before = total // 2 if pad_type == "same" else total - total // 2
            cuts.append((before, total - before))
    else:
        cuts = padding(pad_type, pad or (0,) * (2 * axes), tuple(x.shape[2:]), tuple(kernel), strides)
    if output_shape:
        # The shape decides: what padding leaves open is added or cut at the far end.
        cuts = [(before, full[i] - before - output_shape[2 + i]) for i, (before, _) in enumerate(cuts)]
    call.allocate((x.shape[0], weight.shape[1] * groups, *full))
    function = _convolution(axes, transposed=True)

    def product(a: Tensor, b: Tensor) -> Tensor:
        return function(a, b, None, strides, 0, 0, groups, dilations)

    chunked = call.inner and groups == 1
    y = chunked_product(product, x, weight, 1, 0) if chunked else product(x, weight)
    y = F.pad(y, flat_padding([(-before, -after) for before, after in cuts]))
    return _with_bias(call, y, bias)
