"""Operation times: added up by hand, and from the runtimes themselves."""

import numpy as np
import pytest
import torch
from ldikit.runtime.profiling.per_operation import (
    not_told,
    onnxruntime_trace,
    parse_onnxruntime_trace,
    torch_operations,
)


def span(category, name, start, microseconds, op=None):
    return {"cat": category, "name": name, "ts": start, "dur": microseconds, "args": {"op_name": op}}


def test_trace_is_added_up_without_the_first_inference():
    events = [
        span("Session", "session_initialization", 0, 900),
        # onnxruntime writes an inference's span after its nodes.
        span("Node", "a_kernel_time", 1000, 9999, "Conv"),
        span("Session", "model_run", 990, 10100),
        span("Node", "a_kernel_time", 20000, 3000, "Conv"),
        span("Node", "b_kernel_time", 23000, 2000, "Relu"),
        span("Node", "b_fence_before", 23000, 777, "Relu"),
        span("Session", "model_run", 19990, 5100),
        span("Node", "a_kernel_time", 30000, 5000, "Conv"),
        span("Node", "c_kernel_time", 35000, 1000, "Conv"),
        span("Node", "b_kernel_time", 36000, 1000, "Relu"),
        span("Session", "model_run", 29990, 7100),
    ]
    told = parse_onnxruntime_trace(events, threads=2)
    conv, relu = told.by_type
    # Two counted inferences: Conv 3 + 5 + 1 = 9 ms in 3 calls, Relu 2 + 1 = 3 ms in 2.
    assert (conv.type, conv.calls, conv.ms, conv.share) == ("Conv", 1.5, 4.5, 0.75)
    assert (relu.type, relu.calls, relu.ms, relu.share) == ("Relu", 1.0, 1.5, 0.25)
    assert (told.told, told.threads, told.runs) == (True, 2, 2)
    # The two inferences took 5.1 and 7.1 ms; 12 of these 12.2 ms lie in operations.
    assert told.whole_ms == pytest.approx(6.1)
    assert told.covered == pytest.approx(6.0 / 6.1)


def test_empty_trace_tells_nothing_and_says_so():
    told = parse_onnxruntime_trace([span("Session", "model_run", 0, 1)], threads=1)
    assert not told.told
    assert told.reason
    assert not not_told("coreml").told
    assert "Core ML" in (not_told("coreml").reason or "")


def test_onnxruntime_tells_what_it_ran(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Erf", ["m"], ["y"])],
        "two",
        [helper.make_tensor_value_info("x", kind, [64, 64])],
        [helper.make_tensor_value_info("y", kind, [64, 64])],
        [helper.make_tensor("w", kind, [64, 64], np.eye(64, dtype=np.float32).ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "two.onnx")
    inputs = {"x": np.ones((64, 64), np.float32)}
    told = parse_onnxruntime_trace(
        onnxruntime_trace(tmp_path / "two.onnx", inputs, threads=1, runs=2), threads=1
    )
    assert {operation.type: operation.calls for operation in told.by_type} == {"MatMul": 1, "Erf": 1}
    assert sum(operation.share for operation in told.by_type) == pytest.approx(1)
    assert list(tmp_path.iterdir()) == [tmp_path / "two.onnx"]


def test_torch_tells_what_it_ran():
    weight = torch.eye(64)
    told = torch_operations(lambda: torch.erf(weight @ weight), threads=1, runs=2)
    calls = {operation.type: operation.calls for operation in told.by_type}
    assert calls["aten::mm"] == 1
    assert calls["aten::erf"] == 1
