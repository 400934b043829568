"""The operations that can be evaluated: a decorator and a dict.

A handler's signature *is* its operation's: parameter names are the argument names of the MIL definition
(coremltools' ops/defs), defaults are its defaults, annotations say how an argument is handed over.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import UnionType
from typing import Any, get_args, get_type_hints

import numpy as np
from torch import Tensor

from .precision import to_half
from .types import DType, TensorType, check_size
from .values import Arrays, Bools, Ints, State, TensorList, Tensors

__all__ = ["Arrays", "Bools", "Call", "Definition", "Ints", "State", "TensorList", "Tensors", "operation"]

_FAMILIES = (
    "activation",
    "boxes",
    "classify",
    "compare",
    "compressed",
    "constants",
    "conv",
    "elementwise",
    "gather",
    "linear",
    "lists",
    "norm",
    "pool",
    "quantize",
    "random",
    "recurrent",
    "reduce",
    "resize",
    "sample",
    "scatter",
    "shape",
    "slicing",
    "sort",
    "states",
)


@dataclass(frozen=True)
class Call:
    """What a handler may know of the operation beside its arguments.

    Attributes:
        name: of its first output.
        dtypes: declared element type of each tensor argument.
        outputs: declared types of the outputs.
        pessimistic: whether fp16 is rounded inside the operation too.
    """

    name: str
    dtypes: dict[str, DType]
    outputs: tuple[TensorType, ...]
    pessimistic: bool = False

    @property
    def inner(self) -> bool:
        """Whether to round inside: an fp16 operation at pessimistic precision."""
        return self.pessimistic and bool(self.outputs) and self.outputs[0].dtype.is_half

    def step(self, x: Tensor) -> Tensor:
        """Round an intermediate result, if this precision does."""
        return to_half(x) if self.inner else x

    def allocate(self, shape: tuple[int, ...]) -> None:
        """Refuse a result that its arguments make larger than 2^28 elements."""
        check_size(shape, "the result")

    def allocate_broadcast(self, *tensors: Tensor) -> None:
        """Refuse operands that together make a result larger than 2^28 elements."""
        # NumPy's: torch.broadcast_shapes loads sympy, 2 seconds and 34 MiB.
        check_size(np.broadcast_shapes(*(x.shape for x in tensors)), "the result")


@dataclass(frozen=True)
class Definition:
    """One operation: its handler and its arguments.

    Attributes:
        run: the handler.
        parameters: argument name → how it is handed over (Tensor, Ints, ...).
        required: arguments that have no default.
        moves: it only moves values, so that nothing needs rounding.
    """

    run: Callable[..., Any]
    parameters: dict[str, Any]
    required: frozenset[str]
    moves: bool

    @property
    def source(self) -> str:
        """The first argument: whose values a moving operation moves."""
        return next(iter(self.parameters))


_operations: dict[str, Definition] = {}


def _plain(annotation: Any) -> Any:
    """`X | None` is X: an argument that is left out is not handed over at all."""
    if isinstance(annotation, UnionType):
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def operation(*names: str, moves: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that makes a handler `(call, **arguments)` evaluate the operations `names`."""

    def add(run: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(run)
        parameters = [p for p in inspect.signature(run).parameters.values() if p.name != "call"]
        definition = Definition(
            run,
            {p.name: _plain(hints[p.name]) for p in parameters},
            frozenset(p.name for p in parameters if p.default is inspect.Parameter.empty),
            moves,
        )
        for name in names:
            if name in _operations:
                raise ValueError(f"operation {name!r} is registered twice")
            _operations[name] = definition
        return run

    return add


@cache
def operations() -> dict[str, Definition]:
    """Every operation that can be evaluated, by its type."""
    for family in _FAMILIES:
        import_module(f".{family}", __package__)
    return _operations
