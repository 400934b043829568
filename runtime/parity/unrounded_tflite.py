"""A TFLite file without the rounding of its activations: every int8 tensor widened to float32.

TFLite's int8 operations are the float ones with tensors of another type. So int8 tensors become float ones,
constants are dequantised by their own scales (weights keep the values that they were rounded to), and
operations that only quantise or dequantise fall away.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import InputError
from ..scales.tflite_file import load_model

_ROUNDING = ("QUANTIZE", "DEQUANTIZE")


def widened(path: Path) -> bytes:
    """Return the content of a .tflite file with its int8 tensors, and the biases beside them, as float32.

    Raises:
        InputError: the file is damaged.
        MissingExtraError: the library that reads it is not installed.
    """
    model, schema = load_model(path)
    import flatbuffers

    try:
        for graph in model.subgraphs:
            for tensor in graph.tensors:
                _widen(tensor, model, schema)
            _remove_rounding(graph, model, schema)
    except (IndexError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _widen(tensor: Any, model: Any, schema: Any) -> None:
    """Make one tensor float: int8 values, and int32 constants that have a scale (biases)."""
    kinds = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}
    held = tensor.quantization
    scaled = held is not None and held.scale is not None and len(held.scale) > 0
    if tensor.type not in kinds or not scaled:
        return
    data = model.buffers[tensor.buffer].data
    if data is not None:
        values = np.frombuffer(bytes(bytearray(data)), kinds[tensor.type]).reshape(tensor.shape)
        shape = [1] * values.ndim
        if len(held.scale) > 1:
            shape[held.quantizedDimension] = len(held.scale)
        scales = np.asarray(held.scale, np.float32)
        points = np.zeros(1) if held.zeroPoint is None else np.asarray(held.zeroPoint)
        along = [shape if part.size > 1 else [1] * values.ndim for part in (scales, points)]
        real = (values.astype(np.float64) - points.reshape(along[1])) * scales.reshape(along[0])
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(real.astype(np.float32).tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    tensor.type = schema.TensorType.FLOAT32
    tensor.quantization = None


def _remove_rounding(graph: Any, model: Any, schema: Any) -> None:
    """Take out operations between tensors that are both float now, and let their readers read the source."""
    codes = {getattr(schema.BuiltinOperator, name) for name in _ROUNDING}
    single = schema.TensorType.FLOAT32
    instead: dict[int, int] = {}
    kept = []
    for operation in graph.operators:
        operation.inputs = np.array([instead.get(int(i), int(i)) for i in operation.inputs], np.int32)
        code = model.operatorCodes[operation.opcodeIndex]
        ends = [int(operation.inputs[0]), int(operation.outputs[0])] if len(operation.inputs) else []
        rounds = max(code.builtinCode, code.deprecatedBuiltinCode) in codes
        if rounds and all(graph.tensors[index].type == single for index in ends):
            instead[ends[1]] = ends[0]
        else:
            kept.append(operation)
    graph.operators = kept
    graph.outputs = np.array([instead.get(int(i), int(i)) for i in graph.outputs], np.int32)
    for signature in model.signatureDefs or ():
        for place in signature.outputs:
            place.tensorIndex = instead.get(int(place.tensorIndex), int(place.tensorIndex))
