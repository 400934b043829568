"""A block made ready to run: constant arguments bound once, and what is used for the last time when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .program import Block, Constant, Named, Operation
from .registry import Arrays, Call, Definition, Tensors, operations
from .types import DType, TensorType
from .values import convert, to_tensor

CONTROL = ("cond", "while_loop")
"""Operations that run blocks of their own."""

# Whatever torch or Python raises on arguments that make no sense becomes one line that names the operation.
HANDLER_ERRORS = (
    RuntimeError,
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    MemoryError,
    AttributeError,
)

Binding = str | Tensor
"""A name, or a constant."""


@dataclass
class Step:
    """An operation ready to run.

    Attributes:
        operation: what it was.
        definition: its handler; None of an operation that runs blocks.
        call: what the handler may know.
        fixed: argument → value, where it is known beforehand.
        bound: argument → names and constants that are tensors.
        blocks: the blocks that it runs.
        release: names of its block that nothing uses after it.
    """

    operation: Operation
    definition: Definition | None
    call: Call
    fixed: dict[str, Any]
    bound: dict[str, tuple[Binding, ...]]
    blocks: tuple["BoundBlock", ...]
    release: list[str] = field(default_factory=list)

    @property
    def uses(self) -> list[str]:
        """The names that it uses, those of its blocks included."""
        found = [b for bindings in self.bound.values() for b in bindings if isinstance(b, str)]
        for block in self.blocks:
            found += block.free
        return list(dict.fromkeys(found))


@dataclass
class BoundBlock:
    """A block ready to run.

    Attributes:
        steps: its operations.
        inputs: the values that it is called with.
        outputs: names, or constants, of what it gives.
        free: names of the blocks around it that it uses.
    """

    steps: list[Step]
    inputs: tuple[Named, ...]
    outputs: tuple[Binding, ...]
    free: list[str]


class _Scope:
    """What is known of the names that an operation can see."""

    def __init__(self, block: Block, outer: "_Scope | None" = None) -> None:
        self.types: dict[str, TensorType] = {**(outer.types if outer else {}), **block.types()}
        self.constants: dict[str, Constant] = {**(outer.constants if outer else {}), **block.constants}
        # A large constant that several operations use is decoded once.
        self._decoded: dict[int, Tensor] = outer._decoded if outer else {}

    def constant(self, binding: str | Constant) -> Constant | None:
        return binding if isinstance(binding, Constant) else self.constants.get(binding)

    def tensor(self, constant: Constant, packed: bool = False) -> Tensor:
        """A constant as a tensor; `packed` where a weight is about to be decompressed: a view of the file."""
        if packed and constant.data.dtype in (np.int8, np.uint8, np.float16):
            return torch.from_numpy(constant.data)
        if id(constant) not in self._decoded:
            self._decoded[id(constant)] = to_tensor(constant.data, constant.type.dtype)
        return self._decoded[id(constant)]


class Binder:
    """Makes blocks ready.

    Args:
        fail: makes the error of an operation from a message.
    """

    def __init__(self, fail: Callable[[Operation, object], InputError]) -> None:
        self._fail = fail

    def bind(self, block: Block, outer: _Scope | None = None) -> BoundBlock:
        """Make a block ready.

        Raises:
            InputError: an argument of an operation is unknown, missing, or of another kind.
        """
        scope = _Scope(block, outer)
        steps = [self._step(operation, scope) for operation in block.operations]
        own = {value.name for value in block.inputs}
        own |= {value.name for operation in block.operations for value in operation.outputs}
        last_use = {name: i for i, step in enumerate(steps) for name in step.uses}
        outputs = tuple(
            scope.tensor(scope.constants[name]) if name in scope.constants else name for name in block.outputs
        )
        kept = set(block.outputs) if outer else set()
        for i, step in enumerate(steps):
            given = [v.name for v in step.operation.outputs if v.name not in last_use]
            done = [name for name in step.uses if last_use[name] == i and name in own]
            step.release = [name for name in done + given if name not in kept]
        named = [name for name in outputs if isinstance(name, str)]
        free = [name for name in dict.fromkeys([*last_use, *named]) if name not in own]
        return BoundBlock(steps, block.inputs, outputs, free)

    def _step(self, operation: Operation, scope: _Scope) -> Step:
        if operation.kind in CONTROL:
            return self._control(operation, scope)
        if operation.blocks:
            raise self._fail(operation, "has blocks, which it cannot use")
        definition = operations()[operation.kind]
        given, wanted = operation.inputs, definition.parameters
        for name in given:
            if name not in wanted:
                raise self._fail(operation, f"unknown argument {name!r}; known: {', '.join(wanted)}")
        for name in sorted(definition.required):
            if not given.get(name):
                raise self._fail(operation, f"argument {name!r} is missing")
        fixed: dict[str, Any] = {}
        bound: dict[str, tuple[Binding, ...]] = {}
        dtypes: dict[str, DType] = {}
        for name, bindings in given.items():
            if not bindings:
                continue
            kind = wanted[name]
            if len(bindings) != 1 and kind not in (Tensors, Arrays):
                raise self._fail(operation, f"argument {name!r} wants one value, got {len(bindings)}")
            first = scope.constant(bindings[0])
            dtypes[name] = first.type.dtype if first else scope.types[str(bindings[0])].dtype
            try:
                packed = operation.kind.startswith("constexpr_")
                self._argument(name, kind, bindings, scope, packed, fixed, bound)
            except (*HANDLER_ERRORS, InputError) as error:
                raise self._fail(operation, f"argument {name!r}: {error}") from error
        call = Call(operation.name, dtypes, tuple(value.type for value in operation.outputs))
        return Step(operation, definition, call, fixed, bound, ())

    def _argument(
        self,
        name: str,
        kind: Any,
        bindings: tuple[str | Constant, ...],
        scope: _Scope,
        packed: bool,
        fixed: dict[str, Any],
        bound: dict[str, tuple[Binding, ...]],
    ) -> None:
        constants = [scope.constant(binding) for binding in bindings]
        first = constants[0]
        if kind in (Arrays, np.ndarray):
            arrays = [constant.data for constant in constants if constant]
            if len(arrays) != len(bindings):
                raise InputError("is not a constant")
            fixed[name] = arrays if kind == Arrays else arrays[0]
        elif kind in (Tensor, Tensors):
            bound[name] = tuple(
                scope.tensor(constant, packed) if constant else str(binding)
                for binding, constant in zip(bindings, constants, strict=True)
            )
        elif first is None:
            bound[name] = (str(bindings[0]),)
        else:
            if (kind is str) != (first.type.dtype.kind == "string"):
                raise InputError(f"wants {getattr(kind, '__name__', 'numbers')}, got {first.type}")
            fixed[name] = convert(first.data, kind)

    def _control(self, operation: Operation, scope: _Scope) -> Step:
        wanted = "pred" if operation.kind == "cond" else "loop_vars"
        if set(operation.inputs) != {wanted} or len(operation.blocks) != 2:
            raise self._fail(operation, f"wants one argument, {wanted!r}, and two blocks")
        bindings = operation.inputs[wanted]
        if wanted == "pred" and len(bindings) != 1:
            raise self._fail(operation, f"argument 'pred' wants one value, got {len(bindings)}")
        constants = [scope.constant(binding) for binding in bindings]
        bound = tuple(
            scope.tensor(constant) if constant else str(binding)
            for binding, constant in zip(bindings, constants, strict=True)
        )
        first, second = (self.bind(block, scope) for block in operation.blocks)
        given = [len(bindings), len(operation.outputs)]
        inside = [len(part) for block in (first, second) for part in (block.inputs, block.outputs)]
        if wanted == "pred":
            fits = inside == [0, given[1]] * 2
        else:
            fits = inside == [given[0], 1, given[0], given[0]] and given[0] == given[1]
        if not fits:
            raise self._fail(operation, "and its blocks differ in the number of their inputs or outputs")
        call = Call(operation.name, {}, tuple(value.type for value in operation.outputs))
        return Step(operation, None, call, {}, {wanted: bound}, (first, second))
