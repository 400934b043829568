"""Picking by index: scatter_gather.py of the MIL definitions (gathers), one_hot."""

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, operation


def places(indices: Tensor, size: int, strict: bool = False) -> Tensor:
    """Indices counted from the front; negative ones count from the end, unless `strict`.

    Raises:
        InputError: one is outside.
    """
    if indices.numel():
        low, high = (int(value) for value in torch.aminmax(indices))
        if low < (0 if strict else -size) or high >= size:
            raise InputError(f"indices {low}..{high} leave an axis of {size}")
    indices = indices.to(torch.int64)
    return torch.where(indices < 0, indices + size, indices)


@operation("gather", moves=True)
def gather(
    call: Call,
    x: Tensor,
    indices: Tensor,
    axis: int = 0,
    batch_dims: int = 0,
    validate_indices: bool = False,
) -> Tensor:
    """Slices of x along an axis, by indices of any shape; leading `batch_dims` axes go in step."""
    axis %= x.ndim
    index = places(indices, x.shape[axis], validate_indices)
    shape = x.shape[:axis] + indices.shape[batch_dims:] + x.shape[axis + 1 :]
    call.allocate(tuple(shape))
    if batch_dims == 0:
        return x.index_select(axis, index.reshape(-1)).reshape(shape)
    if not 0 < batch_dims <= min(axis, indices.ndim):
        raise InputError(f"batch_dims is {batch_dims} for axis {axis} and indices of rank {indices.ndim}")
    batch = x.shape[:batch_dims]
    if indices.shape[:batch_dims] != batch:
        raise InputError(f"x {list(x.shape)} and indices {list(indices.shape)} differ in their batch axes")
    rows = x.reshape(-1, *x.shape[batch_dims:])
    picks = index.reshape(rows.shape[0], -1)
    parts = [row.index_select(axis - batch_dims, pick) for row, pick in zip(rows, picks, strict=True)]
    return torch.stack(parts).reshape(shape)


@operation("gather_along_axis", moves=True)
def gather_along_axis(
    call: Call, x: Tensor, indices: Tensor, axis: int = 0, validate_indices: bool = False
) -> Tensor:
    """Elements of x along an axis, one index for each place of the result."""
    axis %= x.ndim
    index = places(indices, x.shape[axis], validate_indices)
    # As NumPy's take_along_axis: the other axes are broadcast.
    others = [1 if i == axis else size for i, size in enumerate(x.shape)]
    index = index.expand(np.broadcast_shapes(index.shape, others))
    shape = list(index.shape)
    shape[axis] = x.shape[axis]
    return torch.gather(x.expand(shape), axis, index)


@operation("gather_nd", moves=True)
def gather_nd(
    call: Call, x: Tensor, indices: Tensor, batch_dims: int = 0, validate_indices: bool = False
) -> Tensor:
    """Slices of x by tuples of indices along the last axis; leading `batch_dims` axes go in step."""
    depth, batch = indices.shape[-1], x.shape[:batch_dims]
    if depth + batch_dims > x.ndim or batch_dims >= indices.ndim or indices.shape[:batch_dims] != batch:
        raise InputError(f"has indices {list(indices.shape)}, batch_dims {batch_dims}, x {list(x.shape)}")
    shape = indices.shape[:-1] + x.shape[batch_dims + depth :]
    call.allocate(tuple(shape))
    if not depth:
        return x.reshape(batch + (1,) * (indices.ndim - 1 - batch_dims) + x.shape[batch_dims:]).expand(shape)
    picks = [
        places(column, x.shape[batch_dims + i], validate_indices)
        for i, column in enumerate(indices.unbind(-1))
    ]
    steps = [torch.arange(size).reshape([-1] + [1] * (indices.ndim - 2 - i)) for i, size in enumerate(batch)]
    return x[tuple(steps + picks)]


@operation("one_hot")
def one_hot(
    call: Call,
    indices: Tensor,
    one_hot_vector_size: int,
    axis: int = -1,
    on_value: Tensor | None = None,
    off_value: Tensor | None = None,
) -> Tensor:
    """on_value where a new axis' place is the index, off_value elsewhere (an index outside: nowhere)."""
    call.allocate((*indices.shape, one_hot_vector_size))
    axis = axis % (indices.ndim + 1)
    places = torch.arange(one_hot_vector_size).reshape([-1] + [1] * (indices.ndim - axis))
    hot = indices.unsqueeze(axis) == places
    kind = torch.float32 if call.outputs[0].dtype.kind == "float" else torch.int32
    on = torch.ones((), dtype=kind) if on_value is None else on_value.reshape(())
    off = torch.zeros((), dtype=on.dtype) if off_value is None else off_value.reshape(())
    return torch.where(hot, on, off)
