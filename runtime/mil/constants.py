"""Making values out of nothing, and passing them on: fill, range, shape, cast, identity."""

import math

import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, Ints, operation
from .types import DType, by_name


def _torch_type(dtype: DType) -> torch.dtype:
    if dtype.kind == "bool":
        return torch.bool
    return torch.float32 if dtype.kind == "float" else torch.int32


@operation("identity", moves=True)
def identity(call: Call, x: Tensor) -> Tensor:
    """x."""
    return x


@operation("cast")
def cast(call: Call, x: Tensor, dtype: str) -> Tensor:
    """Convert to another type: floats to integers towards zero, numbers to truth by not being 0.

    What an integer type cannot hold is clamped to its limits, as Core ML's CPU kernels do.
    """
    target = by_name(dtype)
    if target.kind == "bool":
        return x != 0
    if target.kind != "int":
        return x.to(torch.float32)
    if x.dtype == torch.bool:
        return x.to(torch.int32)
    low, high = target.limits
    whole = torch.trunc(x.to(torch.float64)) if x.is_floating_point() else x.to(torch.int64)
    return torch.clamp(torch.nan_to_num(whole), low, high).to(torch.int64 if high >= 2**31 else torch.int32)


@operation("fill")
def fill(call: Call, shape: Ints, value: Tensor | None = None) -> Tensor:
    """A tensor of one value everywhere."""
    call.allocate(shape)
    if value is None:
        return torch.zeros(shape)
    return value.reshape(()).expand(shape)


@operation("fill_like")
def fill_like(call: Call, ref_tensor: Tensor, value: Tensor | None = None) -> Tensor:
    """A tensor of one value everywhere, in the shape of another."""
    return fill(call, tuple(ref_tensor.shape), value)


@operation("range_1d")
def range_1d(call: Call, start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    """start, start + step, ... below end."""
    first, last, by = start.item(), end.item(), step.item()
    if by == 0:
        raise InputError("step is 0")
    count = max(0, math.ceil((last - first) / by))
    call.allocate((count,))
    return first + by * torch.arange(count, dtype=_torch_type(call.outputs[0].dtype))


@operation("shape")
def shape(call: Call, x: Tensor) -> Tensor:
    """The sizes of x, as integers."""
    return torch.tensor(list(x.shape), dtype=torch.int32)
