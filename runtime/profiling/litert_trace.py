"""LiteRT's times of single operations; see `litert_script`, which runs as a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .per_operation import RUNS, Operations, add_up

SCRIPT = Path(__file__).with_name("litert_script.py")
# What LiteRT hands to XNNPACK it calls otherwise than its own; so does the table.
DELEGATED = "XNNPACK "
# For the whole of the process.
LIMIT_S = 300.0
WARM_UP = 2


def litert_operations(
    path: Path, inputs: Mapping[str, np.ndarray], threads: int, runs: int = RUNS
) -> Operations:
    """Run a TFLite file with LiteRT's own profiler on, delegated to XNNPACK as always.

    Args:
        path: the file.
        inputs: by the names of its signature, as it declares them.
        threads: of the kernels.
        runs: inferences to average.

    Returns:
        the times, or why there are none: a build of another form is no failure of the profile.
    """
    library = find_library()
    if library is None:
        return Operations(False, "the LiteRT that is installed comes without the library that has a profiler")
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "library": str(library),
            "model": str(path),
            "threads": max(threads, 1),
            "warm_up": WARM_UP,
            "runs": runs,
            "inputs": write_inputs(inputs, Path(folder)),
            "marks": False,
        }
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(SCRIPT), json.dumps(settings)],
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Operations(False, f"LiteRT's profiler gave no answer within {LIMIT_S:g} s")
    return parse_litert_trace(done.stdout, done.returncode, threads)


def find_library() -> Path | None:
    """Return LiteRT's shared library, which lies beside its Python modules; None where it does not."""
    spec = find_spec("ai_edge_litert")
    folders = [] if spec is None else [Path(f) for f in spec.submodule_search_locations or ()]
    return next((found for f in folders for found in sorted(f.glob("libLiteRt.*"))), None)


def write_inputs(inputs: Mapping[str, np.ndarray], folder: Path) -> dict[str, str]:
    """Write the bytes of every tensor to a file, and return its path by the tensor's name."""
    files = {}
    for index, (name, array) in enumerate(inputs.items()):
        file = folder / f"input{index}"
        file.write_bytes(np.ascontiguousarray(array).tobytes())
        files[name] = str(file)
    return files


def parse_litert_trace(answer: bytes, status: int, threads: int) -> Operations:
    """Add up what the script told.

    Args:
        answer: its line.
        status: its exit status; below 0 the signal that ended it.
        threads: for the result.
    """
    try:
        told: dict[str, Any] = json.loads(answer)
    except ValueError:
        return Operations(False, f"LiteRT's profiler ended with status {status} and no answer")
    if "error" in told:
        return Operations(False, f"LiteRT's profiler: {told['error']}")
    times: dict[str, list[float]] = defaultdict(list)
    for run in told["runs"]:
        for name, delegated, microseconds in run["events"]:
            times[f"{DELEGATED if delegated else ''}{name}"].append(microseconds / 1000.0)
    whole_ms = sum(run["whole_us"] for run in told["runs"]) / 1000.0
    totals = {name: (len(times_ms), sum(times_ms)) for name, times_ms in times.items()}
    return add_up(totals, threads, len(told["runs"]), whole_ms)
