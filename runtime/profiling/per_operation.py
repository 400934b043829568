"""Where a program's time goes, operation by operation, for the runtimes that tell.

onnxruntime writes a trace of every node it runs, torch has a profiler, LiteRT's is asked in `litert_trace`.
A simulated backend's times would be those of the simulator: the profile says so and gives no numbers.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.onnxruntime_backend import LOG_ERRORS, SETTINGS

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
        whole_ms: the same inferences as a whole, on average, as the runtime itself timed them: what the
            operations add up to is less by what lies between them. None where it does not tell.
    """

    told: bool
    reason: str | None = None
    threads: int = 0
    runs: int = 0
    by_type: tuple[OperationTime, ...] = ()
    whole_ms: float | None = None

    @property
    def covered(self) -> float | None:
        """What share of the whole inferences the operations add up to; None where that is not known."""
        return sum(o.ms for o in self.by_type) / self.whole_ms if self.whole_ms else None


NOT_TOLD = {"coreml": "Core ML tells no per-operation times in Python"}


def not_told(backend: str) -> Operations:
    """Return an empty answer with the reason why `backend` tells nothing."""
    return Operations(False, NOT_TOLD.get(backend, f"{backend} tells no per-operation times"))


def onnxruntime_trace(
    path: Path, inputs: Mapping[str, np.ndarray], threads: int, runs: int = RUNS
) -> list[dict[str, Any]]:
    """Run an ONNX file with onnxruntime's own tracing on, and return the events of the trace.

    Args:
        path: the file.
        inputs: as it declares them.
        threads: within an operation.
        runs: inferences beside the first.
    """
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "trace")
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = LOG_ERRORS
        for setting in SETTINGS:
            options.add_session_config_entry(*setting)
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for _ in range(runs + 1):
            session.run(None, dict(inputs))
        events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_text())
    return events


def parse_onnxruntime_trace(events: Iterable[Mapping[str, Any]], threads: int) -> Operations:
    """Add up the node times of a trace, the first inference left out.

    Args:
        events: of Chrome's trace format: `model_run` spans of category Session, and of category Node the
            `…_kernel_time` span of every node run; microseconds.
        threads: what the session ran on, for the result.
    """
    events = list(events)
    spans = sorted(
        (e["ts"], e["dur"]) for e in events if e.get("cat") == "Session" and e["name"] == "model_run"
    )[1:]
    times: dict[str, list[float]] = defaultdict(list)
    for event in events:
        is_node = event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
        if spans and is_node and event["ts"] >= spans[0][0]:
            times[event["args"]["op_name"]].append(event["dur"] / 1000.0)
    totals = {name: (len(times_ms), sum(times_ms)) for name, times_ms in times.items()}
    return add_up(totals, threads, len(spans), sum(us for _, us in spans) / 1000.0)


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
    return add_up(totals, threads, runs)


def add_up(
    totals: Mapping[str, tuple[int, float]], threads: int, runs: int, whole_ms: float | None = None
) -> Operations:
    """Turn (calls, ms) over all runs into shares per inference, slowest first.

    Args:
        totals: by type.
        threads: for the result.
        runs: inferences.
        whole_ms: of all of them together, operations and what lies between; None if not told.
    """
    if not totals or not runs:
        return Operations(False, "the runtime's trace holds no operation")
    together = sum(ms for _, ms in totals.values()) or 1.0
    by_type = [
        OperationTime(name, calls / runs, ms / runs, ms / together) for name, (calls, ms) in totals.items()
    ]
    by_type.sort(key=lambda operation: (-operation.ms, operation.type))
    whole = None if whole_ms is None else whole_ms / runs
    return Operations(True, None, threads, runs, tuple(by_type), whole)
