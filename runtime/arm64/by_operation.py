"""Retired ARM64 instructions by operation, between the boundaries that the runtime's own profiler sets.

A profiler reads the clock where an operation begins and where it ends, and the plug-in (kinds.c) notes the
counters at every reading. What the profiler then tells are durations; which two readings gave each of them
is found by time: both lists are in the order of the run. onnxruntime's tracing takes some 20 000 instructions
of its own at each operation, which count as the operation's; LiteRT's takes next to none.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError
from ..manifest import ModelFile
from ..profiling.litert_trace import DELEGATED, write_inputs
from ..profiling.litert_trace import SCRIPT as LITERT_SCRIPT
from ..profiling.subjects import random_input
from .backend import require
from .cpus import Cpu
from .guest import LIMIT_S, how_it_died
from .plugin import compile_plugin, counting_emulator

ONNX_SCRIPT = Path(__file__).with_name("onnx_script.py")

# A duration and the readings' differ by what happens between the plug-in's reading of the clock and the
# guest's. Where this machine turns to something else in between, they differ by milliseconds: few may.
CLOSE_US, CLOSE_SHARE = 5.0, 0.01
FEWEST_CLOSE = 0.95


@dataclass(frozen=True)
class OperationCount:
    """All operations of one type in an inference.

    Attributes:
        type: as the runtime calls it; what LiteRT hands to XNNPACK begins with that.
        calls: how many there are.
        kinds: their instructions; see `count.Count`.
    """

    type: str
    calls: int
    kinds: dict[str, int]

    @property
    def total(self) -> int:
        """All instructions."""
        return sum(self.kinds.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "total": self.total}


def count_operations(
    path: Path, entry: ModelFile, runtime: str, cpu: Cpu, warm_up: int
) -> tuple[OperationCount, ...]:
    """Count one inference, operation by operation, the type with most instructions first.

    Args:
        path, entry: of the file.
        runtime: "onnxruntime" or "litert".
        cpu: that is emulated.
        warm_up: inferences before it.

    Raises:
        InputError: the file cannot be run.
        BackendUnavailableError: no ARM64 root, no C compiler, the guest died or hung, or its clock and the
            plug-in's were too far apart.
    """
    cache = require(runtime)
    plugin = compile_plugin(cache)
    inputs = {spec.name: random_input(spec) for spec in entry.inputs}
    name = f"{runtime}@{cpu.name}"
    with tempfile.TemporaryDirectory(prefix="ldikit-arm64-") as scratch:
        folder = Path(scratch)
        counted = folder / "counted"
        emulator = counting_emulator(cache, cpu, plugin, folder / "root", counted)
        settings = {
            "library": str(cache.site / "ai_edge_litert" / "libLiteRt.so"),
            "model": str(path.absolute()),
            "threads": 1,
            "warm_up": warm_up,
            "runs": 1,
            "marks": True,
        }
        if runtime == "litert":
            settings["inputs"] = write_inputs(inputs, folder)
        else:
            settings["inputs"] = str(folder / "inputs.npz")
            np.savez(folder / "inputs.npz", **inputs)  # type: ignore[arg-type]
        script = LITERT_SCRIPT if runtime == "litert" else ONNX_SCRIPT
        guest = ["-cpu", cpu.model, "-E", f"PYTHONPATH={cache.site}", "-E", "OMP_NUM_THREADS=1"]
        guest += ["-E", "PYTHONHASHSEED=0"]
        python = [str(cache.root / cache.python), "-s", "-S", "-P", str(script), json.dumps(settings)]
        try:
            done = subprocess.run(
                [*emulator, *guest, *python],
                capture_output=True,
                cwd=scratch,
                env={},
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BackendUnavailableError(
                f"{name}: the guest gave no answer within {LIMIT_S:g} s and was ended"
            ) from error
        except OSError as error:
            raise BackendUnavailableError(f"{name}: the emulator does not run: {error}") from error
        try:
            told = json.loads(done.stdout)
        except ValueError as error:
            lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
            raise BackendUnavailableError(f"{name}: {how_it_died(done.returncode, lines)}") from error
        if "error" in told:
            raise InputError(f"{name}: {told['error']}")
        try:
            first, *readings = [json.loads(line) for line in counted.read_text().splitlines()]
        except (OSError, ValueError) as error:
            raise BackendUnavailableError(f"the plug-in counted nothing: {error}") from error
    return by_type(told["runs"][0]["events"], list(first), np.array(readings, np.int64))


def by_type(
    events: Sequence[tuple[str, bool, float]], names: Sequence[str], readings: np.ndarray
) -> tuple[OperationCount, ...]:
    """Give every operation the instructions between its two readings of the clock, and add them up by type.

    Args:
        events: (name, whether a delegate ran it, microseconds) in the order of the run.
        names: of the counters.
        readings: (readings, 1 + counters): microseconds, then the counters as they stood.

    Raises:
        BackendUnavailableError: the durations are not those between the readings.
    """
    steps = np.diff(readings, axis=0) if len(readings) > 1 else np.empty((0, 1 + len(names)), np.int64)
    durations = np.array([us for _, _, us in events], np.float64)
    places = align(durations, steps[:, 0].astype(np.float64))
    apart = np.abs(durations - steps[places, 0]) if len(places) else np.zeros(0)
    close = np.mean(apart <= CLOSE_US + CLOSE_SHARE * durations) if len(places) else 0.0
    if close < FEWEST_CLOSE:
        raise BackendUnavailableError(
            f"only {close:.0%} of {len(events)} operations lie between two readings of the clock: "
            "count again when this machine is less busy"
        )
    found: dict[str, list[np.ndarray]] = {}
    for (name, delegated, _), place in zip(events, places, strict=True):
        found.setdefault(f"{DELEGATED if delegated else ''}{name}", []).append(steps[place, 1:])
    counts = [
        OperationCount(
            name, len(parts), {k: int(n) for k, n in zip(names, np.sum(parts, axis=0), strict=True)}
        )
        for name, parts in found.items()
    ]
    return tuple(sorted(counts, key=lambda c: (-c.total, c.type)))


def align(durations: np.ndarray, steps: np.ndarray) -> list[int]:
    """Find the step that each duration is, in order: the choice whose differences add up to least.

    A difference counts up to `CLOSE_US` + `CLOSE_SHARE`, so that a single one that is far off moves no other.

    Args:
        durations: (n,) of operations.
        steps: (m,) between readings, those of operations among them.

    Returns:
        n rising indices of steps; none where m < n.
    """
    n, m = len(durations), len(steps)
    if n > m:
        return []
    best = np.zeros(m + 1)  # the least of the first i durations among the first j steps
    skipped = np.zeros((n, m + 1), bool)  # whether that leaves step j − 1 out
    for i, duration in enumerate(durations):
        cost = np.minimum(np.abs(steps - duration), CLOSE_US + CLOSE_SHARE * duration)
        taken = np.full(m + 1, np.inf)
        taken[1:] = best[:-1] + cost
        best = np.minimum.accumulate(taken)
        skipped[i] = best < taken
    places, j = [], m
    for i in range(n - 1, -1, -1):
        while skipped[i, j]:
            j -= 1
        j -= 1
        places.append(j)
    return places[::-1]
