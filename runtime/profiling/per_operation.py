"""Where a program's time goes, operation by operation, for the runtimes that tell.

onnxruntime writes a trace of every node it runs, torch has a profiler. ai-edge-litert's Python interpreter
has no per-operation times (its profiler is in the C++ benchmark tool only), and a simulated backend's times
would be those of the simulator: for both the profile says so and gives no numbers.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.onnxruntime_backend import INT8_AS_ON_ARM, LOG_ERRORS

# Inferences whose operations are averaged; the one before them is left out as warm-up.
RUNS = 3


@dataclass(frozen=True)
class OperationTime:
    """All operations of one type together, per inference.

    Attributes:
        type: as the runtime calls it ("Conv", "aten::mkldnn_convolution").
        calls: per inference.
        ms: per inference.
        share: of the time of all operations.
    """

    type: str
    calls: float
    ms: float
    share: float


@dataclass(frozen=True)
class Operations:
    """The operations of a candidate, slowest type first.

    Attributes:
        told: the runtime tells; otherwise `reason` says why not and `by_type` is empty.
        threads, runs: what they were measured with.
    """

    told: bool
    reason: str | None = None
    threads: int = 0
    runs: int = 0
    by_type: tuple[OperationTime, ...] = ()


NOT_TOLD = {
    "litert": "ai-edge-litert tells no per-operation times in Python",
    "coreml": "Core ML tells no per-operation times in Python",
}


def not_told(backend: str) -> Operations:
    """Return an empty answer with the reason why `backend` tells nothing."""
    return Operations(False, NOT_TOLD.get(backend, f"{backend} tells no per-operation times"))


def onnxruntime_operations(
    path: Path, inputs: Mapping[str, np.ndarray], threads: int, runs: int = RUNS
) -> Operations:
    """Run an ONNX file with onnxruntime's own tracing on.

    Args:
        path: the file.
        inputs: as it declares them.
        threads: within an operation.
        runs: inferences to average.
    """
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "trace")
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = LOG_ERRORS
        options.add_session_config_entry(*INT8_AS_ON_ARM)
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for _ in range(runs + 1):
            session.run(None, dict(inputs))
        events = json.loads(Path(session.end_profiling()).read_text())
    return parse_onnxruntime_trace(events, threads)


def parse_onnxruntime_trace(events: Iterable[Mapping[str, Any]], threads: int) -> Operations:
    """Add up the node times of a trace, the first inference left out.

    Args:
        events: of Chrome's trace format: `model_run` spans of category Session, and of category Node the
            `…_kernel_time` span of every node run; microseconds.
        threads: what the session ran on, for the result.
    """
    events = list(events)
    starts = sorted(e["ts"] for e in events if e.get("cat") == "Session" and e["name"] == "model_run")[1:]
    times: dict[str, list[float]] = defaultdict(list)
    for event in events:
        is_node = event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
        if starts and is_node and event["ts"] >= starts[0]:
            times[event["args"]["op_name"]].append(event["dur"] / 1000.0)
    return _add_up({name: (len(spans), sum(spans)) for name, spans in times.items()}, threads, len(starts))


def torch_operations(call: Callable[[], object], threads: int, runs: int = RUNS) -> Operations:
    """Run a torch program under torch's profiler; times are an operation's own, without what it calls."""
    from torch.profiler import ProfilerActivity, profile

    call()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(runs):
            call()
    totals = {
        entry.key: (entry.count, entry.self_cpu_time_total / 1000.0)
        for entry in profiler.key_averages()
        if entry.self_cpu_time_total > 0
    }
    return _add_up(totals, threads, runs)


def _add_up(totals: Mapping[str, tuple[int, float]], threads: int, runs: int) -> Operations:
    """Turn (calls, ms) over all runs into shares per inference, slowest first."""
    if not totals or not runs:
        return Operations(False, "the runtime's trace holds no operation")
    whole = sum(ms for _, ms in totals.values()) or 1.0
    by_type = [
        OperationTime(name, calls / runs, ms / runs, ms / whole) for name, (calls, ms) in totals.items()
    ]
    by_type.sort(key=lambda operation: (-operation.ms, operation.type))
    return Operations(True, None, threads, runs, tuple(by_type))
