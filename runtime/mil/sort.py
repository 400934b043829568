"""Sorting along an axis, and finding what is not zero."""

import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, operation


@operation("non_zero")
def non_zero(call: Call, x: Tensor) -> Tensor:
    """The indices of what is not zero, a row each."""
    return torch.nonzero(x)


@operation("argsort")
def argsort(call: Call, x: Tensor, axis: int = -1, ascending: bool = False) -> Tensor:
    """Indices that sort along an axis; equal elements keep their order."""
    return torch.argsort(x, dim=axis, descending=not ascending, stable=True)


@operation("topk")
def topk(
    call: Call,
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> tuple[Tensor, ...]:
    """The k largest elements along an axis (or smallest), in order, and their indices."""
    if not 0 < k <= x.shape[axis]:
        raise InputError(f"k is {k}, the axis has {x.shape[axis]} elements")
    order = torch.argsort(x, dim=axis, descending=not ascending, stable=True).narrow(axis, 0, k)
    values = torch.gather(x, axis, order)
    return (values, order) if return_indices else (values,)
