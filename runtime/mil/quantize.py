"""Quantised activations and compressed weights: quantization_ops.py, constexpr_ops.py, compression.py."""

import math

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .blob import unpack_bits
from .registry import Call, Ints, operation
from .types import by_name


def _along(values: Tensor, x: Tensor, axis: int | None) -> Tensor:
    """A scalar as it is; a vector along an axis of x."""
    if values.ndim == 0 or values.numel() == 1:
        return values.reshape([1] * x.ndim)
    if axis is None:
        raise InputError("has a vector of scales or zero points but no axis")
    if values.shape != (x.shape[axis],):
        raise InputError(f"has {values.numel()} scales or zero points along an axis of {x.shape[axis]}")
    shape = [1] * x.ndim
    shape[axis] = -1
    return values.reshape(shape)


def _floats(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float32 else x.to(torch.float32)


@operation("quantize")
def quantize(
    call: Call,
    input: Tensor,
    scale: Tensor,
    output_dtype: str,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """clip(round(input / scale) + zero_point), halves rounded to even."""
    target = by_name(output_dtype)
    steps = torch.round(call.step(input / _along(scale, input, axis)))
    if zero_point is not None:
        steps = steps + _floats(_along(zero_point, input, axis))
    return torch.clamp(torch.nan_to_num(steps), *target.limits).to(torch.int32)


@operation("dequantize")
def dequantize(
    call: Call, input: Tensor, scale: Tensor, zero_point: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """scale · (input - zero_point)."""
    x = _floats(input)
    if zero_point is not None:
        x = x - _floats(_along(zero_point, input, axis))
    return x * _along(scale, input, axis)


@operation("constexpr_affine_dequantize")
def constexpr_affine_dequantize(
    call: Call, quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int
) -> Tensor:
    """scale · (quantized_data - zero_point) of a weight (iOS16)."""
    return dequantize(call, quantized_data, scale, zero_point, axis)


def _spread(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Repeat block parameters until they have the shape of what they belong to."""
    if values.ndim != len(shape):
        raise InputError(f"block parameters {list(values.shape)} for data {list(shape)}")
    for axis, size in enumerate(shape):
        if values.shape[axis] == 0 or size % values.shape[axis]:
            raise InputError(f"block parameters {list(values.shape)} do not divide data {list(shape)}")
        if values.shape[axis] not in (1, size):
            values = values.repeat_interleave(size // values.shape[axis], axis)
    return values


@operation("constexpr_blockwise_shift_scale")
def constexpr_blockwise_shift_scale(
    call: Call, data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> Tensor:
    """scale · (data - offset), each block with its own (iOS18)."""
    x = _floats(data)
    if offset is not None:
        x = x - _floats(_spread(offset, tuple(data.shape)))
    return x * _spread(scale, tuple(data.shape))


@operation("constexpr_lut_to_dense")
def constexpr_lut_to_dense(
    call: Call, indices: Tensor, lut: Tensor, shape: Ints | None = None, vector_axis: int | None = None
) -> Tensor:
    """Look every element up in a palette.

    iOS16: one palette, indices packed into bytes, `shape` of the result. iOS18: indices of the shape of the
    result, a palette for each block (lut: blocks × 2^n × vector), vectors laid along `vector_axis`.
    """
    if shape is not None:
        call.allocate(shape)
        bits = int(math.log2(lut.numel()))
        count = math.prod(shape)
        packed = indices.numpy().astype(np.uint8)
        if packed.size != (count * bits + 7) // 8:
            raise InputError(f"{packed.size} bytes of indices for {count} elements of {bits} bits")
        unpacked = packed[:count] if bits == 8 else unpack_bits(packed, bits, count, False)
        return lut[torch.from_numpy(unpacked.astype(np.int64))].reshape(shape)
    if lut.ndim != indices.ndim + 2:
        raise InputError(f"lut has rank {lut.ndim}, indices {indices.ndim}: two more wanted")
    palettes, width = lut.shape[-2:]
    blocks = lut.reshape(-1, palettes, width)
    block = _spread(torch.arange(len(blocks)).reshape(lut.shape[:-2]), tuple(indices.shape))
    places = indices.to(torch.int64)
    if places.numel() and not 0 <= int(places.min()) <= int(places.max()) < palettes:
        raise InputError(f"indices leave a palette of {palettes}")
    vectors = blocks[block.expand(indices.shape), places]
    if width == 1:
        return vectors[..., 0]
    if vector_axis is None:
        raise InputError("has a palette of vectors but no vector_axis")
    axis = vector_axis % indices.ndim
    result = list(indices.shape)
    result[axis] *= width
    return vectors.movedim(-1, axis + 1).reshape(result)


@operation("constexpr_sparse_to_dense")
def constexpr_sparse_to_dense(
    call: Call, nonzero_data: Tensor, mask: Tensor, shape: Ints | None = None
) -> Tensor:
    """Put the values where the mask has a 1, zero elsewhere (iOS16: mask packed into bytes, with `shape`)."""
    if shape is not None:
        call.allocate(shape)
        bits = unpack_bits(mask.numpy().astype(np.uint8), 1, math.prod(shape), False)
        mask = torch.from_numpy(bits.astype(np.int32)).reshape(shape)
    keep = mask != 0
    if int(keep.sum()) != nonzero_data.numel():
        raise InputError(f"{nonzero_data.numel()} values for {int(keep.sum())} places of the mask")
    result = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    result[keep] = nonzero_data.reshape(-1)
    return result


@operation("constexpr_cast")
def constexpr_cast(call: Call, source_val: Tensor, output_dtype: str) -> Tensor:
    """A weight kept in fp16, as fp32."""
    if output_dtype != "fp32":
        raise InputError(f"output_dtype is {output_dtype!r}, only 'fp32' is known")
    return _floats(source_val)
