import numpy as np
import pytest
from ldikit.export.half import GraphNode, half_nodes, in_scope


def test_from_the_first_convolution_to_before_the_last_is_half():
    def net(*inputs: str, convolution: bool = False) -> GraphNode:
        return GraphNode(inputs, network=True, convolution=convolution)

    graph = {
        "scale": net("photo"),  # before the first convolution
        "first": net("scale", convolution=True),
        "relu": net("first"),
        "second": net("relu", convolution=True),
        "clamp": net("second"),
        "side": net("first"),  # leads to no convolution
        "last": net("clamp", convolution=True),
        "sigmoid": net("last", "side"),  # after the last
        "minimum": GraphNode(["sigmoid"]),  # geometry
        "pool": net("minimum"),  # the second call of a network begins anew
        "again": net("pool", convolution=True),
        "end": net("again", convolution=True),
        "stray": GraphNode(["end"], network=False, convolution=True),  # a convolution of the geometry
    }
    assert half_nodes(graph) == {"first", "relu", "second", "clamp", "again"}


def test_scopes_are_whole_names():
    assert in_scope(["", "depth", "depth.network", "depth.network.stem"], ["depth.network"])
    assert not in_scope(["", "depth", "depth.networks"], ["depth.network"])


def test_an_onnx_graph_is_cast_where_the_half_part_begins_and_ends_and_nowhere_else():
    pytest.importorskip("onnx_ir")
    import onnx
    import onnxruntime
    from ldikit.export.onnx_half import to_half
    from onnx import TensorProto, helper, numpy_helper

    onnx_ir = pytest.importorskip("onnx_ir")
    weight = np.full((1, 1, 1, 1), 1.0009765625 + 2**-13, np.float32)  # not a half-precision number
    nodes = [
        helper.make_node("Add", ["x", "one"], ["added"]),
        helper.make_node("Conv", ["added", "weight"], ["first"]),
        helper.make_node("Relu", ["first"], ["middle"]),
        helper.make_node("Conv", ["middle", "weight"], ["last"]),
        helper.make_node("Mul", ["last", "one"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 1, 2, 2)) for n in ("x", "middle", "y")]
    graph = helper.make_graph(
        nodes,
        "g",
        values[:1],
        values[1:],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.float32([1]), "one")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model = onnx_ir.from_proto(onnx.shape_inference.infer_shapes(proto))
    scopes = {id(node): ("net",) if 0 < i < 4 else () for i, node in enumerate(model.graph)}

    kept = to_half(model, scopes, ["net"])
    converted = onnx_ir.to_proto(model)
    onnx.checker.check_model(converted, full_check=True)
    assert kept == 3  # Add, the last Conv and Mul
    kinds = [node.op_type for node in converted.graph.node]
    assert kinds == ["Add", "Cast", "Conv", "Relu", "Cast", "Conv", "Mul"]
    assert {t.name: t.data_type for t in converted.graph.initializer} == {
        "one": TensorProto.FLOAT,
        "weight": TensorProto.FLOAT,
        "weight_half": TensorProto.FLOAT16,
    }
    assert [o.name for o in converted.graph.output] == ["middle", "y"]

    x = np.float32([[[[0.1, 0.2], [0.3, 0.7]]]])
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(converted.SerializeToString(), options)
    middle, y = session.run(None, {"x": x})
    # The weight is a half-precision number in the first convolution, and what it was in the last. The runtime
    # may compute half-precision operations in single precision, so the rest is held to one step of rounding.
    np.testing.assert_allclose(middle, (x + 1) * np.float16(weight).astype(np.float32), rtol=2**-10)
    assert np.array_equal(y, middle * weight)
