"""LiteRT's own times of operations, and what runtimes hold for tensors."""

import ctypes
import json
from pathlib import Path

import numpy as np
import pytest
from ldikit.runtime.manifest import ModelFile
from ldikit.runtime.profiling import litert_trace
from ldikit.runtime.profiling.arena import (
    Arena,
    covered_bytes,
    heap_bytes,
    litert_arena,
    parse_onnxruntime_arena,
)
from ldikit.runtime.profiling.litert_script import Event, told
from ldikit.runtime.profiling.litert_trace import find_library, litert_operations, parse_litert_trace
from ldikit.runtime.profiling.per_operation import onnxruntime_trace, parse_onnxruntime_trace

SIDE, CHANNELS = 16, 8


def test_operations_of_all_runs_are_added_up_and_set_against_the_whole() -> None:
    runs = [
        {"whole_us": 4000, "wall_us": 4100.0, "events": [["Conv", True, 2000], ["PADV2", False, 500]]},
        {"whole_us": 6000, "wall_us": 6100.0, "events": [["Conv", True, 4000], ["Conv", True, 500]]},
    ]
    found = parse_litert_trace(json.dumps({"runs": runs}).encode(), 0, threads=2)
    conv, pad = found.by_type
    # Two inferences: the delegate's 2 + 4 + 0.5 = 6.5 ms in 3 calls, LiteRT's own 0.5 ms in 1.
    assert (conv.type, conv.calls, conv.ms) == ("XNNPACK Conv", 1.5, 3.25)
    assert (pad.type, pad.calls, pad.ms, pad.share) == ("PADV2", 0.5, 0.25, 0.5 / 7)
    assert (found.whole_ms, found.covered, found.threads, found.runs) == (5.0, 0.7, 2, 2)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (b'{"error": "LiteRtCreateEnvironment gives status 3"}', 0, "CreateEnvironment gives status 3"),
        (b"", -11, "status -11 and no answer"),
    ],
)
def test_a_profiler_that_fails_or_dies_is_told_of(answer: bytes, status: int, says: str) -> None:
    found = parse_litert_trace(answer, status, 1)
    assert not found.told
    assert says in (found.reason or "")


def event(tag: bytes, kind: int, us: int) -> Event:
    return Event(tag=tag, kind=kind, elapsed_us=us)


def test_records_that_cannot_be_times_of_one_inference_are_refused() -> None:
    whole, conv, pad = event(b"Invoke", 1, 9000), event(b"Conv", 8, 5000), event(b"PADV2", 2, 3000)
    telemetry = event(b"Invoke", 32, 2**32 - 1)
    good = told([telemetry, whole, conv, pad], wall_us=9100.0)
    assert good["events"] == [["Conv", True, 5000], ["PADV2", False, 3000]]
    assert good["whole_us"] == 9000
    for events in (
        [conv, pad],  # no whole
        [event(b"Invoke", 1, 90000), conv],  # longer than the clock says
        [whole, conv, event(b"Conv", 8, 2**40)],  # operations of more than the whole
    ):
        with pytest.raises(ValueError, match="not of the form"):
            told(events, wall_us=9100.0)
    # The size of the structure in litert_profiler_event.h on 64-bit systems: 2 pointers' worth of tag and
    # kind, two times, 2 × 3 sizes of memory, two of metadata, and the source.
    assert ctypes.sizeof(Event) == 8 + 8 + 16 + 48 + 16 + 8


def test_litert_tells_what_it_ran(tflite_file: tuple[Path, ModelFile]) -> None:
    pytest.importorskip("ai_edge_litert")
    assert find_library() is not None
    photo = np.random.default_rng(0).random((1, SIDE, SIDE, 3), dtype=np.float32)
    found = litert_operations(tflite_file[0], {"photo": photo}, threads=1, runs=2)
    assert found.told, found.reason
    calls = {operation.type: operation.calls for operation in found.by_type}
    # QUANTIZE and DEQUANTIZE are conversions to XNNPACK.
    assert calls == {"XNNPACK Convolution (NHWC, QC8) IGEMM": 1, "XNNPACK Convert (NC)": 2}
    assert found.whole_ms is not None
    # Of microseconds each: some may be 0.
    assert 0 <= sum(o.ms for o in found.by_type) <= found.whole_ms + 0.01
    assert found.whole_ms > 0


def test_inputs_of_another_size_and_a_missing_library_are_reasons(
    tflite_file: tuple[Path, ModelFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert")
    short = {"photo": np.zeros((1, 2, 2, 3), np.float32)}
    found = litert_operations(tflite_file[0], short, threads=1)
    assert found.reason == "LiteRT's profiler: input photo takes 3072 bytes, got 48"
    monkeypatch.setattr(litert_trace, "find_spec", lambda _: None)
    assert "without the library" in (litert_operations(tflite_file[0], short, threads=1).reason or "")


def test_spans_of_memory_are_counted_once() -> None:
    # 0–64 and 0–128 overlap; 100 bytes at 128 take two lines of 64; 1 byte at 1024 takes one.
    assert covered_bytes([(128, 100), (0, 64), (0, 128), (1024, 1)]) == 128 + 128 + 64
    assert covered_bytes([]) == 0


def test_litert_puts_what_operations_make_into_its_arena(tflite_file: tuple[Path, ModelFile]) -> None:
    pytest.importorskip("ai_edge_litert")
    arena = litert_arena(tflite_file[0])
    # The photo and y, float32; the int8 tensors between them lie within XNNPACK. None shares its place: the
    # photo must outlast the inference, and y comes of it.
    assert arena.held_bytes == arena.used_bytes == 4 * SIDE**2 * (3 + CHANNELS)
    if heap_bytes() is not None:
        # At least its weights, packed, and the int8 tensors.
        assert (arena.delegate_bytes or 0) > SIDE**2 * (3 + CHANNELS)


def test_onnxruntimes_arena_is_the_largest_that_its_trace_tells(
    onnx_file: tuple[Path, ModelFile],
) -> None:
    def node(**args: str) -> dict:
        return {"cat": "Node", "name": "a_kernel_time", "args": args}

    events = [
        node(mem_arena_held="1024", mem_in_use_peak="10"),
        node(mem_arena_held="4096", mem_in_use_peak="700"),
        node(mem_arena_held="4096", mem_in_use_peak="600"),
        {"cat": "Session", "name": "model_run", "args": {}},
    ]
    assert parse_onnxruntime_arena(events) == Arena(4096, 700, None, "onnxruntime's trace")
    assert parse_onnxruntime_arena(events[3:]) is None
    pytest.importorskip("onnxruntime")
    photo = np.zeros((1, 3, SIDE, SIDE), np.float32)
    real = onnxruntime_trace(onnx_file[0], {"photo": photo}, threads=1, runs=1)
    arena = parse_onnxruntime_arena(real)
    assert arena is not None
    # y alone is 8 KiB.
    assert 4 * SIDE**2 * CHANNELS <= arena.used_bytes <= arena.held_bytes
    told_times = parse_onnxruntime_trace(real, threads=1)
    assert told_times.whole_ms is not None
    assert sum(o.ms for o in told_times.by_type) <= told_times.whole_ms
