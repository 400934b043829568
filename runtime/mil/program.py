"""An ML Program as plain data: functions, blocks, operations, constants, and the order that makes it one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...reference.errors import InputError
from .types import TensorType


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant of a program.

    Attributes:
        type: its declared type, every size known.
        data: the elements in the declared shape (a view of the weight file where they lie there); strings
            as an object array.
    """

    type: TensorType
    data: np.ndarray


@dataclass(frozen=True)
class Named:
    """A name and the type declared for it."""

    name: str
    type: TensorType


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation.

    Attributes:
        kind: its type, as "conv".
        inputs: argument name → the names of values or the constants bound to it (several for a tuple).
        outputs: the values that it defines.
        blocks: the blocks that it runs (cond: if true, if false; while_loop: condition, body).
        label: its name for messages where it has no output.
    """

    kind: str
    inputs: dict[str, tuple[str | Constant, ...]]
    outputs: tuple[Named, ...]
    blocks: tuple["Block", ...] = ()
    label: str = "?"

    @property
    def name(self) -> str:
        """The name of the first output, which names the operation in messages."""
        return self.outputs[0].name if self.outputs else self.label


@dataclass(frozen=True, eq=False)
class Block:
    """A sequence of operations, in the order in which they run.

    Attributes:
        inputs: the values that it is called with.
        outputs: the names of the values that it gives.
        operations: all but the constants.
        constants: name → constant.
    """

    inputs: tuple[Named, ...]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...]
    constants: dict[str, Constant]

    def types(self) -> dict[str, TensorType]:
        """The declared type of every value that the block defines itself, by its name."""
        result = {value.name: value.type for value in self.inputs}
        result |= {name: constant.type for name, constant in self.constants.items()}
        for operation in self.operations:
            result |= {value.name: value.type for value in operation.outputs}
        return result

    def walk(self) -> Iterator[Operation]:
        """Every operation, those of nested blocks included."""
        for operation in self.operations:
            yield operation
            for block in operation.blocks:
                yield from block.walk()


@dataclass(frozen=True, eq=False)
class Function(Block):
    """One function of a program.

    Attributes:
        name: its name.
        opset: the opset it was written for, "CoreML5" (iOS15) to "CoreML8" (iOS18).
    """

    name: str
    opset: str


def check_order(block: Block, visible: frozenset[str] = frozenset()) -> None:
    """Check that every value is defined once, and before it is used: so there is no cycle.

    Args:
        block: what to check, with the blocks inside it.
        visible: the names of the blocks around it that are defined by then.

    Raises:
        InputError: naming the value, and the operation that uses it.
    """
    defined = set(visible)
    for name in [*block.constants, *(value.name for value in block.inputs)]:
        if name in defined:
            raise InputError(f"value {name!r} is defined twice")
        defined.add(name)
    for operation in block.operations:
        for argument in operation.inputs.values():
            for binding in argument:
                if isinstance(binding, str) and binding not in defined:
                    raise InputError(
                        f"operation {operation.kind} {operation.name!r} uses {binding!r} before it is defined"
                    )
        for nested in operation.blocks:
            check_order(nested, frozenset(defined))
        for value in operation.outputs:
            if value.name in defined:
                raise InputError(f"value {value.name!r} is defined twice")
            defined.add(value.name)
    for name in block.outputs:
        if name not in defined:
            raise InputError(f"output {name!r} is never defined")
