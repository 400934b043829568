"""Small files made by hand, operation by operation."""

from pathlib import Path

import numpy as np
import pytest
from ldikit.runtime.scales.slots import Slot, Slots
from ldikit.runtime.scales.tflite_file import read_operations, read_scales

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
flatbuffers = pytest.importorskip("flatbuffers")

JOINED = Slot("inpaint", 0, "activation", "cat", "", joined=True)
LAYER = Slot("inpaint", 0, "activation", "first", "conv2d")
PLANE = Slot("inpaint", 0, "activation", "mul")
AGAIN = Slot("inpaint", 0, "activation", "cat.1", "", joined=True)
WEIGHT = Slot("inpaint", 0, "weight", "first")


class File:
    """A graph under construction: tensors of one value each, and operations in order."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version, self.model.buffers, self.model.operatorCodes = 3, [schema.BufferT()], []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, scale=None, zero_point=0, data=None):
        """Add a tensor, int8 where it has a scale and float elsewhere; return its index."""
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.shape, tensor.name = np.ones(4, np.int32), f"t{len(self.graph.tensors)}"
        tensor.type = schema.TensorType.FLOAT32 if scale is None else schema.TensorType.INT8
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array([scale], np.float32)
            tensor.quantization.zeroPoint = np.array([zero_point], np.int64)
        if data is not None:
            buffer.data = np.array(data, np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def add(self, kind, inputs, scale=None, zero_point=0):
        """Add an operation; return its result."""
        code, operation = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self.model.operatorCodes.append(code)
        operation.opcodeIndex = len(self.model.operatorCodes) - 1
        result = self.tensor(scale, zero_point)
        operation.inputs, operation.outputs = np.array(inputs, np.int32), np.array([result], np.int32)
        self.graph.operators.append(operation)
        return result

    def save(self, path: Path) -> Path:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


@pytest.mark.parametrize("padded", [False, True])
def test_operands_of_a_rounded_concatenation_are_no_places(tmp_path, padded):
    """A network whose input is a concatenation of float planes, one of which is used by itself as well."""
    file = File()
    plane, context = file.tensor(), file.tensor()
    operands = [file.add("QUANTIZE", [one], 0.5, -3) for one in (plane, context)]
    # What the network takes out of its input, the converter takes from the operand.
    mask = file.add("DEQUANTIZE", [operands[1]])
    if padded:
        operands = [file.add("PAD", [one], 0.5, -3) for one in operands]
    joined = file.add("CONCATENATION", operands, 0.5, -3)
    weight = file.tensor(0.25, data=[1])
    file.add("CONV_2D", [joined, weight], 0.125, 7)
    file.add("MUL", [mask, mask])
    slots = Slots((JOINED, LAYER), (WEIGHT,))
    path = file.save(tmp_path / "a.tflite")
    found = read_scales(path, slots)
    assert [(f.slot, f.scales, f.zero_points) for f in found.activations] == [
        (JOINED, (0.5,), (-3,)),
        (LAYER, (0.125,), (7,)),
    ]
    assert [(o.kind, o.precision) for o in read_operations(path, slots) if o.slot == LAYER] == [
        ("CONV_2D", "int8")
    ]


def test_an_operand_that_the_program_rounds_itself_is_a_place(tmp_path):
    """What a layer takes as well, rounded once because both roundings have one scale; the other is added."""
    file = File()
    plane, beside = file.tensor(), file.tensor()
    rounded = file.add("QUANTIZE", [plane], 0.5, -3)
    weight = file.tensor(0.25, data=[1])
    file.add("CONV_2D", [rounded, weight], 0.125, 7)
    other = file.add("QUANTIZE", [beside], 0.5, -3)
    file.add("CONCATENATION", [other, rounded], 0.5, -3)
    slots = Slots((PLANE, LAYER, AGAIN), (WEIGHT,))
    found = read_scales(file.save(tmp_path / "a.tflite"), slots)
    assert [(f.slot, f.scales) for f in found.activations] == [
        (PLANE, (0.5,)),
        (LAYER, (0.125,)),
        (AGAIN, (0.5,)),
    ]
