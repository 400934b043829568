"""What flows through a program while it runs: tensors, lists of tensors, states; and the way in and out."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .precision import to_half
from .types import DType, TensorType, check_size

Ints = tuple[int, ...]
Bools = tuple[bool, ...]
Tensors = list[Tensor]
Arrays = list[np.ndarray]


@dataclass(frozen=True, eq=False)
class TensorList:
    """A list of tensors of one shape, which grows as it is written; never changed, only replaced.

    Attributes:
        length: number of places.
        items: place → tensor; a place that was never written reads as zeros.
        shape: of an element, None where it is not known before the first is written.
        dtype: of an element.
    """

    length: int
    items: dict[int, Tensor] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    dtype: torch.dtype = torch.float32

    def read(self, place: int) -> Tensor:
        """Return the element at `place`.

        Raises:
            InputError: there is no such place, or nothing was ever written and the shape is open.
        """
        if not 0 <= place < self.length:
            raise InputError(f"reads place {place} of a list of {self.length}")
        if place in self.items:
            return self.items[place]
        shape = self.shape
        if shape is None and self.items:
            shape = tuple(next(iter(self.items.values())).shape)
        if shape is None:
            raise InputError(f"reads place {place} of a list into which nothing was written")
        return torch.zeros(shape, dtype=self.dtype)

    def write(self, elements: dict[int, Tensor]) -> "TensorList":
        """Return the list with `elements` in their places, longer if one lies behind the end.

        Raises:
            InputError: a negative place.
        """
        low, high = min(elements, default=0), max(elements, default=0)
        if low < 0:
            raise InputError(f"writes place {low} of a list")
        length = max(self.length, high + 1)
        check_size((length,), "the list")
        return TensorList(length, {**self.items, **elements}, self.shape, self.dtype)


@dataclass
class State:
    """A tensor that outlives a prediction.

    Attributes:
        type: its declared type.
        value: what it holds.
    """

    type: TensorType
    value: Tensor


Value = Tensor | TensorList | State | dict[Any, float] | str | int
"""Anything that a name of a program can stand for; the last three are what a classifier gives."""


def to_tensor(array: np.ndarray, dtype: DType) -> Tensor:
    """Hold an array as the evaluator does: floats as float32 (fp64 as it is), integers as int32 or int64.

    Raises:
        InputError: it holds strings.
    """
    if dtype.kind == "float":
        return torch.from_numpy(np.asarray(array, np.float64 if dtype.name == "fp64" else np.float32))
    if dtype.kind == "int":
        wide = dtype.bits == 64 or dtype.name == "uint32"
        return torch.from_numpy(np.asarray(array, np.int64 if wide else np.int32))
    if dtype.kind != "bool":
        raise InputError(f"wants numbers, got {dtype.name}s")
    return torch.from_numpy(np.asarray(array))


def kind_of(x: Tensor) -> str:
    """Return "bool", "float" or "int"."""
    return "bool" if x.dtype == torch.bool else "float" if x.is_floating_point() else "int"


def settle(x: Any, declared: TensorType) -> Any:
    """Cast a result to its declared type and check its shape.

    Raises:
        InputError: the shape is another, a number of another kind (an integer where a float is declared), or
            no tensor where one is declared.
    """
    if not isinstance(x, Tensor):
        if declared.holder == "tensor" and not isinstance(x, (str, int)):
            raise InputError(f"gives a {type(x).__name__} where {declared} is declared")
        return x
    if declared.holder != "tensor":
        raise InputError(f"gives a tensor where a {declared} is declared")
    if not declared.admits(tuple(x.shape)):
        raise InputError(f"gives shape {list(x.shape)} where {declared} is declared")
    kind = kind_of(x)
    dtype = declared.dtype
    if kind != dtype.kind:
        raise InputError(f"gives {kind} values where {declared} is declared")
    if dtype.is_half:
        return to_half(x)
    if kind == "float":
        return x.to(torch.float64 if dtype.name == "fp64" else torch.float32)
    if kind == "bool":
        return x
    if dtype.bits < 32 and x.numel():
        low, high = (int(v) for v in torch.aminmax(x))
        if low < dtype.limits[0] or high > dtype.limits[1]:
            raise InputError(f"gives values {low}..{high}, which {dtype.name} cannot hold")
    return x.to(torch.int64 if dtype.bits == 64 or dtype.name == "uint32" else torch.int32)


def convert(value: Any, kind: Any) -> Any:
    """Hand a value over as a handler's annotation asks.

    Args:
        value: a tensor, a constant's array, a list or a state.
        kind: `Tensor`, `Tensors`, `Ints`, `Bools`, `TensorList`, `State`, int, float, bool or str.

    Raises:
        InputError: it is of another kind, or has several elements where one is wanted.
    """
    if isinstance(value, kind if isinstance(kind, type) else ()):
        return value
    if not isinstance(value, (Tensor, np.ndarray)):
        raise InputError(f"wants {getattr(kind, '__name__', 'numbers')}, got {type(value).__name__}")
    if kind in (Ints, Bools):
        return tuple(value.reshape(-1).tolist())
    if kind not in (int, float, bool, str):
        raise InputError(f"wants {kind.__name__}, got a tensor")
    if value.shape not in ((), (1,)):
        raise InputError(f"wants one value, got shape {list(value.shape)}")
    return kind(value.item())
