"""Cutting out and padding."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ...reference.errors import InputError
from .registry import Bools, Call, Ints, operation


def slices(
    x: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints | None,
    begin_mask: Bools | None,
    end_mask: Bools | None,
    squeeze_mask: Bools | None,
) -> tuple[list[range], list[int]]:
    """Which elements of every axis slice_by_index takes, and the axes that it drops.

    Raises:
        InputError: an argument has not one number an axis, or an element to take alone is outside.
    """
    nothing = (False,) * x.ndim
    stride = stride or (1,) * x.ndim
    from_start, to_end, single = begin_mask or nothing, end_mask or nothing, squeeze_mask or nothing
    for numbers in (begin, end, stride, from_start, to_end, single):
        if len(numbers) != x.ndim:
            raise InputError(f"an argument has {len(numbers)} numbers, x rank {x.ndim}")
    parts, dropped = [], []
    for axis in range(x.ndim):
        everything = range(x.shape[axis])
        first = None if from_start[axis] else begin[axis]
        if single[axis]:
            place = everything[first or 0]
            parts.append(range(place, place + 1))
            dropped.append(axis)
        else:
            last = None if to_end[axis] else end[axis]
            parts.append(everything[slice(first, last, stride[axis])])
    return parts, dropped


@operation("slice_by_index", moves=True)
def slice_by_index(
    call: Call,
    x: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints | None = None,
    begin_mask: Bools | None = None,
    end_mask: Bools | None = None,
    squeeze_mask: Bools | None = None,
) -> Tensor:
    """x[begin:end:stride] on every axis; masks open an end, or take one element and drop the axis."""
    parts, dropped = slices(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    index = tuple(
        slice(part.start, max(part.start, part.stop), part.step) if part.step > 0 else slice(None)
        for part in parts
    )
    x = x[index]
    for axis, part in enumerate(parts):
        if part.step < 0:
            x = x.index_select(axis, torch.tensor(list(part), dtype=torch.int64))
    return x.squeeze(tuple(dropped)) if dropped else x


@operation("slice_by_size", moves=True)
def slice_by_size(call: Call, x: Tensor, begin: Ints, size: Ints) -> Tensor:
    """`size` elements from `begin` on every axis; size -1 takes the rest."""
    for axis, (first, count) in enumerate(zip(begin, size, strict=True)):
        first = first + x.shape[axis] if first < 0 else first
        x = x.narrow(axis, first, x.shape[axis] - first if count == -1 else count)
    return x


def _reach(size: int, before: int, after: int, mode: str) -> Tensor:
    """Which elements of an axis stand where, padding included."""
    places = torch.arange(-before, size + after)
    if mode == "replicate":
        return places.clamp(0, size - 1)
    if max(before, after) > size - 1:
        raise InputError(f"reflects {max(before, after)} elements of an axis of {size}")
    places = places.abs()
    return torch.where(places > size - 1, 2 * (size - 1) - places, places)


@operation("pad", moves=True)
def pad(call: Call, x: Tensor, pad: Ints, mode: str = "constant", constant_val: float = 0.0) -> Tensor:
    """Add before and after the last axes: a constant, the mirror image without the edge, or the edge."""
    if len(pad) % 2 or len(pad) > 2 * x.ndim or min(pad, default=0) < 0:
        raise InputError(f"pad is {list(pad)} for rank {x.ndim}: two numbers of at least 0 an axis wanted")
    pairs = [(pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)]
    first = x.ndim - len(pairs)
    sizes = [size + sum(pair) for size, pair in zip(x.shape[first:], pairs, strict=True)]
    call.allocate((*x.shape[:first], *sizes))
    if mode == "constant":
        return F.pad(x, [number for pair in reversed(pairs) for number in pair], value=constant_val)
    if mode not in ("reflect", "replicate"):
        raise InputError(f"unknown mode {mode!r}")
    for axis, (before, after) in enumerate(pairs, first):
        if before or after:
            x = x.index_select(axis, _reach(x.shape[axis], before, after, mode))
    return x


@operation("sliding_windows", moves=True)
def sliding_windows(call: Call, x: Tensor, axis: int, size: int, stride: int = 1) -> Tensor:
    """All windows along an axis, as a new axis behind it."""
    axis %= x.ndim
    return x.unfold(axis, size, stride).movedim(-1, axis + 1)


@operation("band_part")
def band_part(call: Call, x: Tensor, lower: int = -1, upper: int = -1) -> Tensor:
    """Keep a band around the diagonal of the last two axes, zero elsewhere."""
    rows, columns = torch.arange(x.shape[-2])[:, None], torch.arange(x.shape[-1])[None]
    keep = torch.ones(x.shape[-2:], dtype=torch.bool)
    if lower >= 0:
        keep &= rows - columns <= lower
    if upper >= 0:
        keep &= columns - rows <= upper
    return torch.where(keep, x, torch.zeros_like(x))
