"""Constants that few numbers make, and names that nobody reads."""

import numpy as np
import pytest
from ldikit.export.onnx_compact import compact

onnx = pytest.importorskip("onnx")


def model(plane: np.ndarray):
    shape = list(plane.shape)
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Add", ["photo", "plane"], ["a_long_name"], name="node_a_long_name"),
            onnx.helper.make_node("Abs", ["a_long_name"], ["color"], name="node_color"),
        ],
        "g",
        [value("photo", onnx.TensorProto.FLOAT, shape)],
        [value("color", onnx.TensorProto.FLOAT, shape)],
        [onnx.numpy_helper.from_array(plane, "plane")],
        value_info=[value("a_long_name", onnx.TensorProto.FLOAT, shape)],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])


def run(model, photo):
    return onnx.reference.ReferenceEvaluator(model).run(None, {"photo": photo})[0]


@pytest.mark.parametrize("kind", ["rows", "zeros", "noise", "small"])
def test_the_program_stays_the_same(kind):
    import onnx.reference

    height = 4 if kind == "small" else 40
    shape = (1, 1, height, 50)
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], shape).copy()
    plane = {"rows": rows, "zeros": rows * 0, "noise": noise, "small": rows}[kind]
    before, after = model(plane), model(plane)
    compact(after)
    onnx.checker.check_model(after, full_check=True)
    photo = noise[:, :, ::-1].copy()
    assert np.array_equal(run(before, photo), run(after, photo))
    stored = {t.name: onnx.numpy_helper.to_array(t).shape for t in after.graph.initializer}
    if kind in ("noise", "small"):
        assert stored == {"plane": shape}
    else:
        assert stored["plane.short"] == ((1, 1, 40, 1) if kind == "rows" else (1, 1, 1, 1))
    names = {name for node in after.graph.node for name in (*node.output, node.name)}
    assert "color" in names
    assert not any("long" in name for name in names)
    assert not after.graph.value_info
