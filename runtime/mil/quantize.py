"""Quantised activations: quantization_ops.py of the MIL definitions."""

import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, operation
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


def floats(x: Tensor) -> Tensor:
    """x as float32, without a copy where it is."""
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
        steps = steps + floats(_along(zero_point, input, axis))
    return torch.clamp(torch.nan_to_num(steps), *target.limits).to(torch.int32)


@operation("dequantize")
def dequantize(
    call: Call, input: Tensor, scale: Tensor, zero_point: Tensor | None = None, axis: int | None = None
) -> Tensor:
    """scale · (input - zero_point)."""
    x = floats(input)
    if zero_point is not None:
        x = x - floats(_along(zero_point, input, axis))
    return x * _along(scale, input, axis)
