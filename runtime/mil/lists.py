"""Lists of tensors: control_flow.py of the MIL definitions."""

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Arrays, Call, TensorList, operation
from .types import by_name, check_size


@operation("make_list")
def make_list(
    call: Call,
    elem_shape: Arrays,
    init_length: int = 1,
    dynamic_length: bool = True,
    dtype: str = "fp32",
) -> TensorList:
    """A list of `init_length` elements of zeros; a size that is a word is open."""
    sizes = [item for array in elem_shape for item in np.atleast_1d(array).tolist()]
    shape = None if any(isinstance(size, str) for size in sizes) else tuple(int(size) for size in sizes)
    kind = by_name(dtype).kind
    if init_length < 0:
        raise InputError(f"init_length is {init_length}")
    check_size((init_length, *(shape or ())), "the list")
    held = {"float": torch.float32, "bool": torch.bool}.get(kind, torch.int32)
    return TensorList(init_length, {}, shape, held)


@operation("list_length")
def list_length(call: Call, ls: TensorList) -> Tensor:
    """The number of elements."""
    return torch.tensor(ls.length, dtype=torch.int32)


@operation("list_read", moves=True)
def list_read(call: Call, ls: TensorList, index: int) -> Tensor:
    """One element."""
    return ls.read(index)


@operation("list_write")
def list_write(call: Call, ls: TensorList, index: int, value: Tensor) -> TensorList:
    """The list with another element at a place; it grows where the place lies behind its end."""
    return ls.write({index: value})


@operation("list_gather", moves=True)
def list_gather(call: Call, ls: TensorList, indices: Tensor) -> Tensor:
    """The elements at some places, along a new first axis."""
    elements = [ls.read(place) for place in indices.reshape(-1).tolist()]
    if elements:
        call.allocate((len(elements), *elements[0].shape))
    return torch.stack(elements)


@operation("list_scatter")
def list_scatter(call: Call, ls: TensorList, indices: Tensor, value: Tensor) -> TensorList:
    """The list with the slices of `value` along its first axis at some places."""
    places = indices.reshape(-1).tolist()
    if len(places) != value.shape[0]:
        raise InputError(f"has {len(places)} indices for {value.shape[0]} elements")
    return ls.write(dict(zip(places, value.unbind(0), strict=True)))
