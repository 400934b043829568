"""Compressed weights: constexpr_ops.py (iOS16) and compression.py (iOS18) of the MIL definitions."""

import math

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .blob import unpack_bits
from .quantize import dequantize, floats
from .registry import Call, Ints, operation
from .types import MAX_WEIGHTS, check_size


@operation("constexpr_affine_dequantize")
def constexpr_affine_dequantize(
    call: Call, quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int
) -> Tensor:
    """scale · (quantized_data - zero_point) of a weight (iOS16)."""
    return dequantize(call, quantized_data, scale, zero_point, axis)


@operation("constexpr_cast")
def constexpr_cast(call: Call, source_val: Tensor, output_dtype: str) -> Tensor:
    """A weight kept in fp16, as fp32."""
    if output_dtype != "fp32":
        raise InputError(f"output_dtype is {output_dtype!r}, only 'fp32' is known")
    return floats(source_val)


def _spread(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Repeat block parameters until they broadcast to the shape of what they belong to."""
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
    x = floats(data)
    if offset is not None:
        x = x - floats(_spread(offset, tuple(data.shape)))
    return x * _spread(scale, tuple(data.shape))


def _unpacked(packed: np.ndarray, bits: int, shape: Ints) -> np.ndarray:
    """The unsigned numbers of `bits` bits in the bytes of an iOS16 weight.

    Raises:
        InputError: there are not as many bytes as the shape needs.
    """
    check_size(shape, "the weight", MAX_WEIGHTS)
    count = math.prod(shape)
    packed = packed.reshape(-1).view(np.uint8)
    if packed.size != (count * bits + 7) // 8:
        raise InputError(f"{packed.size} bytes for {count} elements of {bits} bits")
    return packed if bits == 8 else unpack_bits(packed, bits, count, False)


def _look_up(indices: Tensor, lut: Tensor, vector_axis: int | None) -> Tensor:
    """Every element from the palette of its block (lut: blocks × 2^n × vector)."""
    if lut.ndim != indices.ndim + 2:
        raise InputError(f"lut has rank {lut.ndim}, indices {indices.ndim}: two more wanted")
    palettes, width = lut.shape[-2:]
    if width != 1 and vector_axis is None:
        raise InputError("has a palette of vectors but no vector_axis")
    blocks = lut.reshape(-1, width)
    first = torch.arange(0, len(blocks), palettes, dtype=torch.int32).reshape(lut.shape[:-2])
    places = indices.to(torch.int32)
    if places.numel() and not 0 <= int(places.min()) <= int(places.max()) < palettes:
        raise InputError(f"indices leave a palette of {palettes}")
    places = places + _spread(first, tuple(indices.shape))
    shape = list(indices.shape)
    axis = (vector_axis or 0) % indices.ndim
    shape[axis] *= width
    check_size(tuple(shape), "the weight", MAX_WEIGHTS)
    vectors = blocks.index_select(0, places.reshape(-1)).reshape(*indices.shape, width)
    return vectors.movedim(-1, axis + 1).reshape(shape)


@operation("constexpr_lut_to_dense")
def constexpr_lut_to_dense(
    call: Call, indices: np.ndarray, lut: Tensor, shape: Ints | None = None, vector_axis: int | None = None
) -> Tensor:
    """Look every element up in a palette.

    iOS16: one palette, indices packed into bytes, `shape` of the result. iOS18: indices of the shape of the
    result, a palette for each block, vectors laid along `vector_axis`.
    """
    if shape is None:
        return _look_up(torch.from_numpy(np.ascontiguousarray(indices)), lut, vector_axis)
    bits = (lut.numel() - 1).bit_length()
    if lut.numel() != 2**bits or not 1 <= bits <= 8:
        raise InputError(f"lut has {lut.numel()} elements, a power of two up to 256 wanted")
    places = torch.from_numpy(_unpacked(indices, bits, shape).astype(np.int32))
    return lut.reshape(-1).index_select(0, places).reshape(shape)


def _dense(values: Tensor, mask: Tensor) -> Tensor:
    """Values where the mask is not zero, zero elsewhere."""
    keep = mask != 0
    if int(keep.sum()) != values.numel():
        raise InputError(f"{values.numel()} values for {int(keep.sum())} places of the mask")
    result = torch.zeros(mask.shape, dtype=values.dtype)
    result[keep] = values.reshape(-1)
    return result


@operation("constexpr_sparse_to_dense")
def constexpr_sparse_to_dense(
    call: Call, nonzero_data: Tensor, mask: Tensor, shape: Ints | None = None
) -> Tensor:
    """Put the values where the mask has a 1, zero elsewhere (iOS16: mask packed into bytes, with `shape`)."""
    if shape is not None:
        bits = _unpacked(mask.numpy().astype(np.uint8), 1, shape)
        mask = torch.from_numpy(bits).reshape(shape)
    return _dense(nonzero_data, mask)


@operation("constexpr_lut_to_sparse")
def constexpr_lut_to_sparse(
    call: Call,
    indices_mask: Tensor,
    indices_nonzero_data: Tensor,
    lut: Tensor,
    vector_axis: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Look the values of a sparse weight up in a palette: its mask (longer by vectors), and the values."""
    dense = _look_up(_dense(indices_nonzero_data, indices_mask), lut, vector_axis)
    mask = indices_mask
    if lut.shape[-1] != 1:
        mask = mask.repeat_interleave(lut.shape[-1], (vector_axis or 0) % mask.ndim)
    return mask, dense[mask != 0]


@operation("constexpr_sparse_blockwise_shift_scale")
def constexpr_sparse_blockwise_shift_scale(
    call: Call, data_mask: Tensor, nonzero_data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """scale · (value - offset) of the values of a sparse weight: its mask, and the values."""
    dense = constexpr_blockwise_shift_scale(call, _dense(nonzero_data, data_mask), scale, offset)
    return data_mask, dense[data_mask != 0]
