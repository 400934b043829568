"""Two tiny int8 files of one convolution, for whatever runs or cuts files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ldikit.runtime.manifest import ModelFile, TensorSpec, digest

SIDE, CHANNELS = 16, 8


@pytest.fixture(scope="session")
def weights() -> np.ndarray:
    """(CHANNELS, 3, 3, 3) int8."""
    return np.random.default_rng(0).integers(-127, 128, (CHANNELS, 3, 3, 3)).astype(np.int8)


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)


def entry_of(path: Path, layout: str) -> ModelFile:
    shapes = [(1, channels, SIDE, SIDE) for channels in (3, CHANNELS)]
    if layout == "NHWC":
        shapes = [(n, h, w, c) for n, c, h, w in shapes]
    specs = [TensorSpec(n, shape, "float32", layout) for n, shape in zip(("photo", "y"), shapes, strict=True)]
    size = path.stat().st_size
    kind = path.suffix[1:]
    return ModelFile(path.name, "depth", "16x16", kind, "int8", digest(path), size, (specs[0],), (specs[1],))


@pytest.fixture(scope="session")
def onnx_file(weights: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelFile]:
    """photo → Q → DQ → Conv of dequantised weights → Q → DQ → y."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "s": np.float32(1 / 255),
        "z": np.int8(-128),
        "w": weights,
        "ws": np.float32(1 / 1024),
        "wz": np.int8(0),
        "ys": np.float32(1 / 64),
        "yz": np.int8(3),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["photo", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["x"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"]),
        helper.make_node("Conv", ["x", "wf"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["c", "ys", "yz"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "ys", "yz"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [info("photo", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [info("y", TensorProto.FLOAT, (1, CHANNELS, SIDE, SIDE))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path, entry_of(path, "NCHW")


@pytest.fixture(scope="session")
def tflite_file(weights: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelFile]:
    """The same as QUANTIZE → CONV_2D → DEQUANTIZE."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version = 3
    model.buffers, graph = [schema.BufferT()], schema.SubGraphT()
    graph.tensors = []

    def tensor(name: str, shape: tuple, kind: int, scales: list, points: list, data: Any = None) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name.encode(), list(shape), kind, 0
        if scales:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = scales, points
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    float32, int8, int32 = schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.INT32
    channels_last = np.ascontiguousarray(weights.transpose(0, 2, 3, 1))
    bias = [1 / 255 / 1024] * CHANNELS
    out = (1, SIDE, SIDE, CHANNELS)
    photo = tensor("photo", (1, SIDE, SIDE, 3), float32, [], [])
    x = tensor("x", (1, SIDE, SIDE, 3), int8, [1 / 255], [-128])
    w = tensor("w", channels_last.shape, int8, [1 / 1024] * CHANNELS, [0] * CHANNELS, channels_last)
    b = tensor("b", (CHANNELS,), int32, bias, [0] * CHANNELS, np.zeros(CHANNELS, np.int32))
    c = tensor("c", out, int8, [1 / 64], [3])
    y = tensor("y", out, float32, [], [])
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    steps = [
        ("QUANTIZE", [photo], [x], schema.QuantizeOptionsT()),
        ("CONV_2D", [x, w, b], [c], options),
        ("DEQUANTIZE", [c], [y], schema.DequantizeOptionsT()),
    ]
    graph.inputs, graph.outputs, graph.operators, model.operatorCodes = [photo], [y], [], []
    for index, (name, inputs, outputs, settings) in enumerate(steps):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = 3 if name == "CONV_2D" else 1
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = index, inputs, outputs
        operator.builtinOptions = settings
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(settings).__name__[:-1])
        graph.operators.append(operator)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path_factory.mktemp("tflite") / "tiny.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path, entry_of(path, "NHWC")
