"""Core ML: `quantize`, `dequantize` and `constexpr_affine_dequantize` in the saved program.

Which unit computes what, Core ML decides on the device. What the file settles is which operations *can* be
computed in int8: those whose inputs are all dequantised and whose result is only rounded again. They are
counted as int8 (the Neural Engine has int8 × int8 from A17 Pro and M4 on).
"""

from pathlib import Path

import numpy as np

from ...reference.errors import InputError
from ..mil.model import load
from ..mil.program import Constant, Function, Operation
from .found import FoundScale, FoundScales, OperationPrecision
from .slots import Slot, Slots, check_count

# Operations with weights, and the argument that holds them.
_WEIGHTED = {"conv": "weight", "conv_transpose": "weight", "linear": "weight", "matmul": "y"}
_ENDINGS = ("clip", "relu", "relu6")


def read_scales(path: Path, slots: Slots) -> FoundScales:
    """Return every scale of a quantised .mlpackage; see `readers.read_scales`.

    A tensor's numbers stand in its `quantize` and again in each `dequantize` that reads it: those that differ
    from the first are given too.
    """
    program = _Program(load(path).function, path)
    rounding = program.of_kind("quantize")
    check_count("tensors rounded to int8", len(rounding), slots.activations, path)
    activations = []
    for operation, slot in zip(rounding, slots.activations, strict=True):
        own = program.parameters(operation, slot)
        readers = [user for user in program.users(operation) if user.kind == "dequantize"]
        again = [program.parameters(user, slot) for user in readers]
        activations += [own, *(other for other in again if other != own)]
    layers = program.int8_weights()
    check_count("int8 layers", len(layers), slots.weights, path)
    weights = [program.parameters(entry, slot) for entry, slot in zip(layers, slots.weights, strict=True)]
    return FoundScales(tuple(activations), tuple(weights))


def read_operations(path: Path, slots: Slots | None) -> list[OperationPrecision]:
    """Return the precision of every operation of a .mlpackage; see `readers.read_operations`."""
    program = _Program(load(path).function, path)
    asked: dict[str, Slot] = {}
    if slots is not None:
        rounding = program.of_kind("quantize")
        check_count("tensors rounded to int8", len(rounding), slots.activations, path)
        for operation, slot in zip(rounding, slots.activations, strict=True):
            if slot.operation:
                asked[program.computing(operation).name] = slot
    found = []
    for operation in program.operations:
        precision = program.precision(operation)
        if precision is not None and not operation.kind.startswith("constexpr"):
            found.append(OperationPrecision(operation.kind, precision, asked.get(operation.name)))
    return found


class _Program:
    """The operations of a saved program, in their order, with who makes and who takes what."""

    def __init__(self, function: Function, path: Path) -> None:
        self.path = path
        self.constants = function.constants
        self.results = frozenset(function.outputs)
        self.operations = list(function.operations)
        self.makers = {value.name: operation for operation in self.operations for value in operation.outputs}
        self.takers: dict[str, list[Operation]] = {}
        for operation in self.operations:
            for argument in operation.inputs.values():
                for binding in argument:
                    if isinstance(binding, str):
                        self.takers.setdefault(binding, []).append(operation)

    def of_kind(self, kind: str) -> list[Operation]:
        """Return the operations of one kind."""
        return [operation for operation in self.operations if operation.kind == kind]

    def users(self, operation: Operation) -> list[Operation]:
        """Return the operations that take an operation's result."""
        return self.takers.get(operation.name, [])

    def maker(self, operation: Operation, argument: str) -> Operation | None:
        """Return what makes an argument; None for a constant or an input of the program."""
        bound = operation.inputs.get(argument, ())
        return self.makers.get(bound[0]) if bound and isinstance(bound[0], str) else None

    def computing(self, rounding: Operation) -> Operation:
        """Return the operation whose result is rounded, before the activation function that ends it."""
        operation = self.maker(rounding, "input") or rounding
        while operation.kind in _ENDINGS and self.maker(operation, "x") is not None:
            operation = self.maker(operation, "x") or operation
        return operation

    def int8_weights(self) -> list[Operation]:
        """Return, for every layer with int8 weights, the operation that widens its weights."""
        found = []
        for operation in self.operations:
            if operation.kind in _WEIGHTED:
                maker = self.maker(operation, _WEIGHTED[operation.kind])
                if maker is not None and maker.kind == "constexpr_affine_dequantize":
                    found.append(maker)
        return found

    def precision(self, operation: Operation) -> str | None:
        """Return in what an operation is computed; None where it computes on no floats."""
        if operation.kind == "quantize":
            return "int8"
        if self._between_int8(operation):
            return "int8"
        names = [value.type.dtype.name for value in operation.outputs]
        for argument in operation.inputs.values():
            for binding in argument:
                maker = self.makers.get(binding) if isinstance(binding, str) else None
                names += [value.type.dtype.name for value in maker.outputs] if maker else []
        return next((name for name in names if name in ("fp16", "fp32")), None)

    def _between_int8(self, operation: Operation) -> bool:
        """Say whether an operation takes only dequantised tensors and its result is only rounded again."""
        tensors = [
            self.makers[binding]
            for argument in operation.inputs.values()
            for binding in argument
            if isinstance(binding, str) and binding in self.makers
        ]
        if operation.kind in ("dequantize", *_ENDINGS) or not any(m.kind == "dequantize" for m in tensors):
            return False
        if any(maker.kind not in ("dequantize", "constexpr_affine_dequantize") for maker in tensors):
            return False
        result = operation
        while True:
            users = self.users(result)
            if not users or result.name in self.results:
                return False
            if all(user.kind == "quantize" for user in users):
                return True
            if len(users) > 1 or users[0].kind not in _ENDINGS:
                return False
            result = users[0]

    def parameters(self, operation: Operation, slot: Slot) -> FoundScale:
        """Return scale and zero point of an operation; without the latter it is 0."""
        scales = self._numbers(operation, "scale", slot)
        points = self._numbers(operation, "zero_point", slot) if "zero_point" in operation.inputs else [0]
        shift = 128 if self._unsigned(operation) else 0
        return FoundScale(slot, tuple(float(s) for s in scales), tuple(int(z) - shift for z in points))

    def _unsigned(self, operation: Operation) -> bool:
        """Say whether rounded values are kept as uint8: so coremltools turns a zero point of −128 into 0."""
        if operation.kind == "quantize":
            return operation.outputs[0].type.dtype.name == "uint8"
        bound = operation.inputs.get(
            "input" if operation.kind == "dequantize" else "quantized_data", (None,)
        )[0]
        maker = self.makers.get(bound) if isinstance(bound, str) else None
        if maker is not None:
            return maker.outputs[0].type.dtype.name == "uint8"
        constant = self.constants.get(bound) if isinstance(bound, str) else bound
        return isinstance(constant, Constant) and constant.type.dtype.name == "uint8"

    def _numbers(self, operation: Operation, argument: str, slot: Slot) -> np.ndarray:
        bound = operation.inputs.get(argument, (None,))[0]
        constant = self.constants.get(bound) if isinstance(bound, str) else bound
        if not isinstance(constant, Constant):
            raise InputError(f"{self.path}: {slot} has a {argument} that is no constant of the program")
        return constant.data.reshape(-1)
