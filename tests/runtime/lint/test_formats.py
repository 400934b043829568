"""Tiny files of each format whose readiness is known by hand."""

from pathlib import Path
from typing import Any

import coremltools as ct
import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from coremltools.converters.mil import Builder
from ldikit.reference.errors import InputError
from ldikit.runtime.lint.coreml_package import lint_coreml
from ldikit.runtime.lint.onnx_file import lint_onnx
from ldikit.runtime.lint.readiness import Readiness
from ldikit.runtime.lint.rules import HINTS, TARGETS
from ldikit.runtime.lint.tflite_file import lint_tflite
from onnx import TensorProto, helper


def write_tflite(path: Path, names: list[str], shape: tuple[int, ...] = (1, 8, 8, 4)) -> Path:
    """A chain of operations with one input each."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph.tensors, graph.operators = [], []
    for index in range(len(names) + 1):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"t{index}".encode(), list(shape), 0
        tensor.type = schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    for index, name in enumerate(names):
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = getattr(schema.BuiltinOperator, name), 1
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = index, [index], [index + 1]
        graph.operators.append(operator)
    graph.inputs, graph.outputs, model.subgraphs = [0], [len(names)], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def of(found: list[Readiness], target: str) -> Readiness:
    (one,) = (readiness for readiness in found if readiness.target == target)
    return one


def test_xnnpack_tells_its_own_pieces_and_what_is_left(tmp_path: Path) -> None:
    # XNNPACK of LiteRT takes no RELU_0_TO_1; the GPU delegate's list has neither it nor ROUND.
    path = write_tflite(tmp_path / "a.tflite", ["NEG", "ABS", "RELU_0_TO_1", "NEG", "CEIL", "NEG"])
    found = lint_tflite(path, "tflite/a.tflite")
    own = of(found, "XNNPACK")
    assert (own.operations, own.taken, own.partitions) == (6, 5, 2)
    assert own.breaking == {"RELU_0_TO_1": 1}
    assert own.measured
    assert "MAXIMUM" in own.rewrite["RELU_0_TO_1"]


def test_the_gpu_delegate_is_judged_by_its_list(tmp_path: Path) -> None:
    path = write_tflite(tmp_path / "a.tflite", ["NEG", "ROUND", "ABS", "RELU_0_TO_1", "CEIL"])
    gpu = of(lint_tflite(path, "a"), "TFLite GPU delegate")
    assert (gpu.taken, gpu.partitions, gpu.measured) == (3, 3, False)
    assert gpu.breaking == {"RELU_0_TO_1": 1, "ROUND": 1}


def test_onnx_is_judged_by_onnxruntimes_own_checker(tmp_path: Path) -> None:
    info = helper.make_tensor_value_info
    shape = (1, 2, 4, 4)
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Less", ["a", "x"], ["b"]),
        helper.make_node("Where", ["b", "a", "x"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    given, made = info("x", TensorProto.FLOAT, shape), info("y", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [given], [made])
    path = tmp_path / "a.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    found = lint_onnx(path, "a.onnx")
    nnapi, coreml = of(found, "NNAPI"), of(found, "Core ML EP")
    assert (nnapi.operations, nnapi.taken, nnapi.partitions) == (4, 2, 2)
    assert nnapi.breaking == {"Less": 1, "Where": 1}
    assert coreml.breaking == {"Less": 1}
    assert "usability checker of onnxruntime" in nnapi.source
    assert any("Where" in caveat for caveat in coreml.caveats)


def test_fp32_dilated_convolutions_and_gathers_stay_off_the_neural_engine(tmp_path: Path) -> None:
    half = np.float16

    @Builder.program(
        input_specs=[Builder.TensorSpec((1, 2, 8, 8), ct.converters.mil.mil.types.fp16)],
        opset_version=ct.target.iOS16,
    )
    def program(x: Any) -> Any:
        weight = np.ones((2, 2, 3, 3), half)
        plain = Builder.conv(x=x, weight=weight, pad_type="same")
        wide = Builder.conv(x=plain, weight=weight, pad_type="same", dilations=[2, 2])
        picked = Builder.gather(x=wide, indices=np.array([1, 0], np.int32), axis=1)
        return Builder.cast(x=Builder.relu(x=picked), dtype="fp32", name="y")

    model = ct.convert(
        program,
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
        pass_pipeline=ct.PassPipeline.EMPTY,
    )
    path = tmp_path / "p.mlpackage"
    model.save(str(path))
    found = lint_coreml(path, "p")
    engine, gpu = of(found, "Neural Engine"), of(found, "Core ML GPU")
    assert engine.breaking == {"conv dilated": 1, "fp32": 1, "gather": 1}
    assert engine.partitions == 2
    assert engine.operations - engine.taken == 3
    assert gpu.taken == gpu.operations == engine.operations
    assert gpu.partitions == 1


@pytest.mark.parametrize(
    ("lint", "suffix"), [(lint_tflite, "tflite"), (lint_onnx, "onnx"), (lint_coreml, "mlpackage")]
)
def test_what_is_no_model_is_refused(lint: Any, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"\x08\x07PK nothing")
    with pytest.raises(InputError, match=rf"a\.{suffix}"):
        lint(path, path.name)


def test_every_accelerator_has_its_hints() -> None:
    assert set(HINTS) == {target for targets in TARGETS.values() for target in targets}
