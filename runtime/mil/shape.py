"""Rearranging: tensor_transformation.py of the MIL definitions, and joining and splitting."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ...reference.errors import InputError
from .registry import Arrays, Call, Ints, Tensors, operation


@operation("reshape", moves=True)
def reshape(call: Call, x: Tensor, shape: Ints) -> Tensor:
    """The same values in another shape; 0 keeps the size of the axis as far from the end, -1 takes the rest.

    From iOS17 on the shape may have another length than the input's; before, the two are equally long.
    """
    if 0 in shape:
        sizes = x.shape[::-1]
        kept = (
            (sizes[i] if i < len(sizes) else 1) if size == 0 else size for i, size in enumerate(shape[::-1])
        )
        shape = tuple(kept)[::-1]
    return x.reshape(shape)


@operation("transpose", moves=True)
def transpose(call: Call, x: Tensor, perm: Ints) -> Tensor:
    """Axes in another order."""
    return x.permute(perm)


@operation("expand_dims", moves=True)
def expand_dims(call: Call, x: Tensor, axes: Ints) -> Tensor:
    """Axes of size 1 put in; `axes` are places in the result."""
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


@operation("squeeze", moves=True)
def squeeze(call: Call, x: Tensor, axes: Ints | None = None) -> Tensor:
    """Axes of size 1 taken out: all, or those listed; listed axes of another size stay."""
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


@operation("flatten2d", moves=True)
def flatten2d(call: Call, x: Tensor, axis: int = 1) -> Tensor:
    """Two axes: those before `axis`, and those from it on."""
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operation("reverse", moves=True)
def reverse(call: Call, x: Tensor, axes: Ints | None = None) -> Tensor:
    """Back to front along `axes`, or along all."""
    return x.flip(tuple(range(x.ndim)) if axes is None else axes)


@operation("tile", moves=True)
def tile(call: Call, x: Tensor, reps: Ints) -> Tensor:
    """Repeat along every axis."""
    if len(reps) != x.ndim:
        raise InputError(f"reps has {len(reps)} numbers, x rank {x.ndim}")
    call.allocate(tuple(size * times for size, times in zip(x.shape, reps, strict=True)))
    return x.repeat(reps)


@operation("concat", moves=True)
def concat(call: Call, values: Tensors, axis: int, interleave: bool = False) -> Tensor:
    """Join along an axis, one after another or element by element in turn."""
    if not values[0].ndim:
        return torch.stack(values)
    if not interleave:
        return torch.cat(values, axis)
    axis %= values[0].ndim
    shape = list(values[0].shape)
    shape[axis] *= len(values)
    return torch.stack(values, axis + 1).reshape(shape)


@operation("stack", moves=True)
def stack(call: Call, values: Tensors, axis: int) -> Tensor:
    """Join along a new axis."""
    return torch.stack(values, axis)


@operation("split", moves=True)
def split(
    call: Call, x: Tensor, axis: int, num_splits: int | None = None, split_sizes: Ints | None = None
) -> tuple[Tensor, ...]:
    """Cut along an axis, into equal parts or parts of given sizes."""
    if split_sizes is not None:
        return torch.split(x, list(split_sizes), axis)
    if num_splits is None:
        raise InputError("has neither num_splits nor split_sizes")
    if num_splits < 1 or x.shape[axis] % num_splits:
        raise InputError(f"num_splits {num_splits} does not divide size {x.shape[axis]}")
    return torch.split(x, x.shape[axis] // num_splits, axis)


@operation("pixel_shuffle", moves=True)
def pixel_shuffle(call: Call, x: Tensor, upscale_factor: int) -> Tensor:
    """Channels to space; channel c·f² + i·f + j goes to row i, column j (as torch has it)."""
    return F.pixel_shuffle(x, upscale_factor)


@operation("pixel_unshuffle", moves=True)
def pixel_unshuffle(call: Call, x: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of pixel_shuffle."""
    return F.pixel_unshuffle(x, downscale_factor)


@operation("depth_to_space", moves=True)
def depth_to_space(call: Call, x: Tensor, block_size: int) -> Tensor:
    """Channels to space; channel (i·b + j)·C + c goes to row i, column j (as TensorFlow has it)."""
    n, channels, height, width = x.shape
    b = block_size
    y = x.reshape(n, b, b, channels // (b * b), height, width).permute(0, 3, 4, 1, 5, 2)
    return y.reshape(n, channels // (b * b), height * b, width * b)


@operation("space_to_depth", moves=True)
def space_to_depth(call: Call, x: Tensor, block_size: int) -> Tensor:
    """The inverse of depth_to_space."""
    n, channels, height, width = x.shape
    b = block_size
    y = x.reshape(n, channels, height // b, b, width // b, b).permute(0, 3, 5, 1, 2, 4)
    return y.reshape(n, channels * b * b, height // b, width // b)


@operation("reshape_like", moves=True)
def reshape_like(
    call: Call, x: Tensor, ref_tensors: Tensors, begins: Arrays, ends: Arrays, end_masks: Arrays
) -> Tensor:
    """The same values in a shape put together from parts of the shapes of others."""
    shape: list[int] = []
    for other, begin, end, to_end in zip(ref_tensors, begins, ends, end_masks, strict=True):
        last = None if bool(to_end.item()) else int(end.item())
        shape += other.shape[int(begin.item()) : last]
    return x.reshape(shape)


@operation("reverse_sequence", moves=True)
def reverse_sequence(
    call: Call, x: Tensor, lengths: Tensor, seq_axis: int = 0, batch_axis: int = 0
) -> Tensor:
    """Back to front along an axis, for each place of another axis only so many first elements."""
    seq_axis, batch_axis = seq_axis % x.ndim, batch_axis % x.ndim
    size, counts = x.shape[seq_axis], lengths.reshape(-1).to(torch.int64)
    if counts.numel() != x.shape[batch_axis] or not all(0 <= n <= size for n in counts.tolist()):
        raise InputError(f"has lengths {counts.tolist()[:8]} for x {list(x.shape)}")
    places = torch.arange(size)
    places = torch.where(places < counts[:, None], counts[:, None] - 1 - places, places)
    shape = [1] * x.ndim
    shape[batch_axis], shape[seq_axis] = places.shape[0], size
    index = (places if batch_axis < seq_axis else places.transpose(0, 1)).reshape(shape)
    return x.gather(seq_axis, index.expand(x.shape))


@operation("space_to_batch", moves=True)
def space_to_batch(call: Call, x: Tensor, block_shape: Ints, paddings: Ints) -> Tensor:
    """Rows and columns of n×C×H×W taken apart by blocks, into the batch."""
    (b, c), (top, bottom, left, right) = block_shape, paddings
    call.allocate((*x.shape[:2], x.shape[2] + top + bottom, x.shape[3] + left + right))
    x = F.pad(x, (left, right, top, bottom))
    n, channels, height, width = x.shape
    y = x.reshape(n, channels, height // b, b, width // c, c).permute(3, 5, 0, 1, 2, 4)
    return y.reshape(n * b * c, channels, height // b, width // c)


@operation("batch_to_space", moves=True)
def batch_to_space(call: Call, x: Tensor, block_shape: Ints, crops: Ints) -> Tensor:
    """The inverse of space_to_batch; `crops` are cut off afterwards."""
    (b, c), (top, bottom, left, right) = block_shape, crops
    n, channels, height, width = x.shape
    y = x.reshape(b, c, n // (b * c), channels, height, width).permute(2, 3, 4, 0, 5, 1)
    y = y.reshape(n // (b * c), channels, height * b, width * c)
    return y[..., top : y.shape[2] - bottom, left : y.shape[3] - right]
