"""fp16 on a machine without it: float32 tensors whose values are rounded to half precision."""

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK = 32
"""Products summed at full precision before the pessimistic model of an accumulator rounds."""


def to_half(x: Tensor) -> Tensor:
    """Round to the nearest half-precision number (ties to even, too large to infinity), kept as float32."""
    return x.to(torch.float16).to(torch.float32)


def sum_in_chunks(parts: list[Tensor]) -> Tensor:
    """Add partial sums one after another, rounding every part and every result to half precision."""
    total = to_half(parts[0])
    for part in parts[1:]:
        total = to_half(total + to_half(part))
    return total


def reduce_in_chunks(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    """Sum over `axes` as an fp16 accumulator would: 32 elements at a time.

    Args:
        x: any shape, half-precision values in float32.
        axes: axes to sum over; none means nothing is summed.
        keep: keep them with size 1.
    """
    if not axes:
        return x
    rank = x.ndim
    axes = tuple(sorted(axis % rank for axis in axes))
    others = [axis for axis in range(rank) if axis not in axes]
    flat = x.permute(*others, *axes).reshape([x.shape[axis] for axis in others] + [-1])
    if flat.shape[-1] == 0:
        return x.sum(axes, keepdim=keep)
    # A tree would be kinder; one running total is the worst that hardware does.
    total = sum_in_chunks([part.sum(-1) for part in flat.split(CHUNK, -1)])
    if keep:
        total = total.reshape([1 if axis in axes else x.shape[axis] for axis in range(rank)])
    return total


def chunked_product(
    product: Callable[[Tensor, Tensor], Tensor], x: Tensor, w: Tensor, x_axis: int, w_axis: int
) -> Tensor:
    """Evaluate a product that sums over `x_axis` of x and `w_axis` of w, 32 of them at a time."""
    pairs = zip(x.split(CHUNK, x_axis), w.split(CHUNK, w_axis), strict=True)
    return sum_in_chunks([product(a, b) for a, b in pairs])
