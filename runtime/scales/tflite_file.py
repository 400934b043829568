"""TFLite: the scales of tensors, and precisions by the types of what an operation takes and gives.

A tensor here holds its own scale: an int8 operation has int8 tensors on both sides. The converter adds
operations that only move int8 values (a padding before a convolution with a stride, say); they are no places
of the recipe.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import InputError, MissingExtraError
from .found import FoundScale, FoundScales, OperationPrecision
from .slots import Slot, Slots, check_count

LARGEST_BYTES = 2**31 - 1  # offsets of a flatbuffer are 32 bits with a sign
_IDENTIFIER = b"TFL3"  # at byte 4
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
# They move values without changing them; where the program has no such place, the converter added them.
_MOVING = {
    "PAD": ("pad",),
    "PADV2": ("pad",),
    "TRANSPOSE": ("permute",),
    "RESHAPE": ("view", "reshape"),
}
_PRECISIONS = {"FLOAT32": "fp32", "FLOAT16": "fp16", "INT8": "int8"}


def read_scales(path: Path, slots: Slots) -> FoundScales:
    """Return every scale of a quantised .tflite; see `readers.read_scales`."""
    graph = _Graph(path)
    rounding = graph.rounding(slots)
    check_count("tensors rounded to int8", len(rounding), slots.activations, path)
    activations = [
        graph.parameters(operation.outputs[0], slot)
        for operation, slot in zip(rounding, slots.activations, strict=True)
    ]
    layers = graph.int8_weights()
    check_count("int8 layers", len(layers), slots.weights, path)
    weights = [graph.parameters(tensor, slot) for tensor, slot in zip(layers, slots.weights, strict=True)]
    return FoundScales(tuple(activations), tuple(weights))


def read_operations(path: Path, slots: Slots | None) -> list[OperationPrecision]:
    """Return the precision of every operation of a .tflite; see `readers.read_operations`.

    Widening a constant is left out: it is done once, when the file is loaded.
    """
    graph = _Graph(path)
    asked: dict[int, Slot] = {}
    if slots is not None:
        rounding = graph.rounding(slots)
        check_count("tensors rounded to int8", len(rounding), slots.activations, path)
        for operation, slot in zip(rounding, slots.activations, strict=True):
            if slot.operation:
                asked[id(graph.computing(operation))] = slot
    found = []
    for operation in graph.operations:
        precision = graph.precision(operation)
        if precision is not None:
            found.append(OperationPrecision(graph.kind(operation), precision, asked.get(id(operation))))
    return found


class _Graph:
    """The operations of a file's one graph, in their order, with who makes and who takes what."""

    def __init__(self, path: Path) -> None:
        self.path = path
        model, schema = load_model(path)
        self.types = _names(schema.TensorType)
        kinds = _names(schema.BuiltinOperator)
        try:
            self.kinds = [
                kinds.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")
                for code in model.operatorCodes
            ]
            graph = model.subgraphs[0]
            self.tensors, self.operations = graph.tensors, list(graph.operators)
            self.constants = {
                index
                for index, tensor in enumerate(self.tensors)
                if model.buffers[tensor.buffer].data is not None
            }
            self.makers = {index: op for op in self.operations for index in op.outputs}
            self._check()
            self.takers: dict[int, list[Any]] = {}
            for operation in self.operations:
                for index in operation.inputs:
                    self.takers.setdefault(int(index), []).append(operation)
        except (IndexError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is damaged: {error}") from error

    def _check(self) -> None:
        """Refuse operations that name tensors which do not exist."""
        for operation in self.operations:
            if operation.opcodeIndex >= len(self.kinds):
                raise IndexError("an operation has no kind")
            if not len(operation.outputs) or operation.inputs is None:
                raise IndexError("an operation without tensors")
            indices = [*operation.outputs, *(index for index in operation.inputs if index >= 0)]
            if not all(0 <= index < len(self.tensors) for index in indices):
                raise IndexError("an operation names a tensor that is not there")

    def kind(self, operation: Any) -> str:
        """Return what TFLite calls an operation."""
        return self.kinds[operation.opcodeIndex]

    def type(self, index: int) -> str:
        """Return the element type of a tensor."""
        return self.types.get(self.tensors[index].type, "?")

    def rounding(self, slots: Slots) -> list[Any]:
        """Return the operations that give the rounded tensors.

        Left out are moves that the converter added, and the roundings of a concatenation's operands where the
        program rounds the concatenation, even if something else takes such an operand too.
        """
        found: list[Any] = []
        held: list[Any] = []

        def place(after: int = 0) -> str:
            index = len(found) + after
            return slots.activations[index].operation if index < len(slots.activations) else ""

        def joined() -> bool:
            return len(found) < len(slots.activations) and slots.activations[len(found)].joined

        for operation in self.operations:
            if self.type(operation.outputs[0]) != "INT8":
                continue
            kind = self.kind(operation)
            if kind == "QUANTIZE" and self._feeds_only(operation, "CONCATENATION"):
                held.append(operation)
                continue
            if kind == "QUANTIZE" and joined() and self._is_joined(operation):
                continue
            if kind == "CONCATENATION":
                if place(len(held)) == "cat":
                    found += held
                held = []
            if kind not in _MOVING or place() in _MOVING[kind]:
                found.append(operation)
        return found

    def _feeds_only(self, operation: Any, kind: str) -> bool:
        """Say whether all that takes an operation's result is of one kind."""
        users = self.takers.get(operation.outputs[0], [])
        return bool(users) and all(self.kind(user) == kind for user in users)

    def _is_joined(self, operation: Any) -> bool:
        """Say whether a concatenation takes an operation's result, as it is or moved (padded, say)."""
        waiting, seen = [operation], {id(operation)}  # a damaged file may go round in circles
        while waiting:
            for user in self.takers.get(waiting.pop().outputs[0], []):
                if self.kind(user) == "CONCATENATION":
                    return True
                if self.kind(user) in _MOVING and id(user) not in seen:
                    seen.add(id(user))
                    waiting.append(user)
        return False

    def computing(self, rounding: Any) -> Any:
        """Return the operation whose result is rounded: itself where it gives int8."""
        if self.kind(rounding) != "QUANTIZE":
            return rounding
        return self.makers.get(rounding.inputs[0], rounding)

    def int8_weights(self) -> list[int]:
        """Return the int8 weight of every layer that has one; widened before it is used (w8) or not."""
        found = []
        for operation in self.operations:
            if self.kind(operation) not in _WEIGHTED or len(operation.inputs) < 2:
                continue
            weight = operation.inputs[1]
            maker = self.makers.get(weight)
            if maker is not None and self.kind(maker) == "DEQUANTIZE":
                weight = maker.inputs[0]
            if weight in self.constants and self.type(weight) == "INT8":
                found.append(weight)
        return found

    def parameters(self, index: int, slot: Slot) -> FoundScale:
        """Return scales and zero points of a tensor."""
        held = self.tensors[index].quantization
        scales = np.empty(0, np.float32) if held is None or held.scale is None else held.scale
        points = np.zeros(1) if held is None or held.zeroPoint is None else held.zeroPoint
        if not len(scales):
            raise InputError(f"{self.path}: {slot} is int8 without a scale")
        return FoundScale(slot, tuple(float(s) for s in scales), tuple(int(z) for z in points))

    def precision(self, operation: Any) -> str | None:
        """Return in what an operation is computed; None where that is on no floats, or done once."""
        given = [index for index in operation.inputs if index >= 0]
        moving = [self.type(index) for index in given if index not in self.constants]
        if not moving:
            return None
        types = [self.type(index) for index in operation.outputs] + moving
        precision = next((_PRECISIONS[name] for name in types if name in _PRECISIONS), None)
        constants = {self.type(index) for index in given if index in self.constants}
        if precision in ("fp32", "fp16") and "INT8" in constants:
            return "hybrid"
        return precision


def _names(codes: Any) -> dict[int, str]:
    return {code: name for name, code in vars(codes).items() if not name.startswith("_")}


def load_model(path: Path) -> tuple[Any, Any]:
    """Return a .tflite file as objects that can be changed, and the module of their types.

    Raises:
        InputError: it cannot be read, or is damaged.
        MissingExtraError: the library that reads it is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "ai_edge_litert", "tflite", "reading TFLite files") from error
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path} is larger than a TFLite file can be (2 GiB)")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if content[4:8] != _IDENTIFIER:
        raise InputError(f"{path} is not a TFLite file: its identifier is not TFL3")
    try:
        return schema.ModelT.InitFromPackedBuf(content, 0), schema
    except (struct.error, IndexError, ValueError, TypeError, MemoryError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
