"""Writing by index: scatter_gather.py of the MIL definitions (scatters), slice_update."""

from typing import Any

import torch
from torch import Tensor

from ...reference.errors import InputError
from .gather import places
from .registry import Bools, Call, Ints, operation
from .slicing import slices

_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _put(call: Call, data: Tensor, index: Tensor, updates: Tensor, mode: str) -> Tensor:
    """Combine rows of a matrix with updates; of several updates of one row, each counts (the last of update).

    Args:
        call: of the operation.
        data: rows × elements.
        index: the row of each update.
        updates: updates × elements.
        mode: how they are combined.
    """
    if mode == "update":
        result = data.clone()
        # One by one where a row comes twice: torch leaves open which update wins.
        if index.unique().numel() == index.numel():
            result[index] = updates
        else:
            for row, update in zip(index.tolist(), updates, strict=True):
                result[row] = update
        return result
    if mode == "sub":
        return data.index_add(0, index, -updates)
    if mode == "div":
        divisors = torch.ones_like(data).index_reduce(0, index, updates, "prod")
        if not data.is_floating_point():
            wide = (data.to(torch.int64), divisors.to(torch.int64))  # int32 traps on -2^31 / -1
            return torch.div(*wide, rounding_mode="trunc").to(data.dtype)
        return data / divisors
    if mode not in _REDUCTIONS:
        raise InputError(f"unknown mode {mode!r}")
    if mode == "add":
        return data.index_add(0, index, updates)
    return data.index_reduce(0, index, updates, _REDUCTIONS[mode])


def _scatter_rows(call: Call, data: Tensor, index: Tensor, updates: Tensor, mode: str) -> Tensor:
    """As `_put`, with elements of any shape."""
    rows, elements = data.shape[0], data[0].numel() if data.shape[0] else 0
    if rows == 0 or elements == 0:
        return data.clone()
    flat = _put(call, data.reshape(rows, -1), index, updates.reshape(index.numel(), -1), mode)
    return flat.reshape(data.shape)


@operation("scatter")
def scatter(
    call: Call,
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Combine slices of data along an axis with updates."""
    axis %= data.ndim
    index = places(indices, data.shape[axis], validate_indices).reshape(-1)
    lead = range(axis, axis + indices.ndim)
    order = [*lead, *(a for a in range(updates.ndim) if a not in lead)]
    wanted = (*indices.shape, *data.shape[:axis], *data.shape[axis + 1 :])
    moved = updates.permute(order)
    if moved.shape != wanted:
        raise InputError(f"has updates of shape {list(updates.shape)} for data {list(data.shape)}")
    result = _scatter_rows(call, data.movedim(axis, 0), index, moved, mode)
    return result.movedim(0, axis)


@operation("scatter_nd")
def scatter_nd(
    call: Call,
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Combine slices of data, by tuples of indices along the last axis of `indices`, with updates."""
    depth = indices.shape[-1]
    if depth > data.ndim:
        raise InputError(f"has {depth} indices for data of rank {data.ndim}")
    wanted = (*indices.shape[:-1], *data.shape[depth:])
    if updates.shape != wanted:
        raise InputError(f"has updates of shape {list(updates.shape)}, {list(wanted)} wanted")
    index = torch.zeros(indices.shape[:-1], dtype=torch.int64)
    for axis, column in enumerate(indices.unbind(-1)):
        index = index * data.shape[axis] + places(column, data.shape[axis], validate_indices)
    rows = data.reshape(-1, *data.shape[depth:])
    return _scatter_rows(call, rows, index.reshape(-1), updates, mode).reshape(data.shape)


@operation("scatter_along_axis")
def scatter_along_axis(
    call: Call,
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Combine elements of data along an axis, one index for each update."""
    if indices.shape != updates.shape or indices.ndim != data.ndim:
        raise InputError(
            f"has indices {list(indices.shape)}, updates {list(updates.shape)}, data {list(data.shape)}"
        )
    axis %= data.ndim
    index = places(indices, data.shape[axis], validate_indices)
    # Every element is a row of its own: its place in the flattened data.
    strides = torch.ones(data.ndim, dtype=torch.int64)
    for i in range(data.ndim - 2, -1, -1):
        strides[i] = strides[i + 1] * data.shape[i + 1]
    place = index * strides[axis]
    for i, size in enumerate(indices.shape):
        if i != axis:
            if size > data.shape[i]:
                raise InputError(f"has indices {list(indices.shape)} for data {list(data.shape)}")
            place = place + (torch.arange(size) * strides[i]).reshape([-1] + [1] * (data.ndim - i - 1))
    flat = _scatter_rows(call, data.reshape(-1, 1), place.reshape(-1), updates.reshape(-1, 1), mode)
    return flat.reshape(data.shape)


@operation("slice_update", moves=True)
def slice_update(
    call: Call,
    x: Tensor,
    update: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints | None = None,
    begin_mask: Bools | None = None,
    end_mask: Bools | None = None,
    squeeze_mask: Bools | None = None,
) -> Tensor:
    """x with the slice that slice_by_index would give replaced by `update`."""
    parts, dropped = slices(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    sizes = [len(part) for part in parts]
    wanted = [size for axis, size in enumerate(sizes) if axis not in dropped]
    if list(update.shape) != wanted:
        raise InputError(f"has an update of shape {list(update.shape)}, {wanted} wanted")
    result = x.clone()
    if all(part.step > 0 for part in parts):
        index: tuple[Any, ...] = tuple(slice(part.start, part.stop, part.step) for part in parts)
    else:
        axes = (torch.tensor(list(part), dtype=torch.int64) for part in parts)
        index = torch.meshgrid(*axes, indexing="ij")
    result[index] = update.reshape(sizes)
    return result
