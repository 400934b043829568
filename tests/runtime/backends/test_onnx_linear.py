"""A linear layer of int8 weights computes in float in onnxruntime, as its file says."""

import numpy as np
import pytest
from ldikit.runtime.backends.onnxruntime_backend import OnnxRunner
from ldikit.runtime.manifest import ModelFile, TensorSpec


def test_what_goes_into_a_linear_layer_of_int8_weights_is_not_rounded(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (64, 32)).astype(np.int8)
    scale = rng.uniform(0.001, 0.01, 32).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["weight", "scale", "zero"], ["w"], axis=1),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (5, 64))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (5, 32))],
        [
            numpy_helper.from_array(value, name)
            for name, value in (("weight", weight), ("scale", scale), ("zero", np.zeros(32, np.int8)))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "linear.onnx")
    specs = [(TensorSpec(n, s, "float32", "NC"),) for n, s in (("x", (5, 64)), ("y", (5, 32)))]
    entry = ModelFile("linear.onnx", "program", "64x96", "onnx", "int8", "", 0, *specs)
    given = rng.standard_normal((5, 64)).astype(np.float32)
    found = OnnxRunner(tmp_path / "linear.onnx", entry, 1).infer({"x": given})["y"]
    expected = given.astype(np.float64) @ (weight * scale.astype(np.float64))
    # Rounded to int8, the input would be off by a hundredth, and this by more.
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
