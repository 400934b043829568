"""Comparing, combining truth values, and choosing by them."""

from collections.abc import Callable

import torch
from torch import Tensor

from .registry import Call, operation


def _binary(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operation(name)
    def run(call: Call, x: Tensor, y: Tensor) -> Tensor:
        call.allocate_broadcast(x, y)
        return function(x, y)


for _name, _function in {
    "equal": torch.eq,
    "not_equal": torch.ne,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
}.items():
    _binary(_name, _function)


@operation("logical_not")
def logical_not(call: Call, x: Tensor) -> Tensor:
    """True where x is false."""
    return torch.logical_not(x)


@operation("select")
def select(call: Call, cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Elements of a where the condition holds, of b elsewhere."""
    call.allocate_broadcast(cond, a, b)
    return torch.where(cond, a, b)
