"""The process that one candidate runs in: commands as JSON lines in, answers as JSON lines out.

A process of its own makes the first run a first one and the peak memory that candidate's alone. Started by
`process.Worker` as `python -m ldikit.runtime.profiling.worker`.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from ...reference.errors import LdikitError
from .arena import Arena, litert_arena, parse_onnxruntime_arena
from .litert_trace import litert_operations
from .memory import peak_memory_bytes
from .per_operation import Operations, not_told, onnxruntime_trace, parse_onnxruntime_trace
from .subjects import FileSubject, Subject, TorchSubject


class Session:
    """The state of one worker: what it has opened."""

    def __init__(self) -> None:
        self.subjects: dict[str, Subject] = {}
        self.program: Any = None

    def open(self, key: str, bundle: str, file: str | None, stage: str, size: str, threads: int) -> dict:
        """Open a model file of a bundle, or with `file` None a stage of its torch reference; run it once."""
        subject: Subject
        if file is None:
            subject = TorchSubject(Path(bundle), stage, size, threads)
        else:
            subject = FileSubject(Path(bundle), file, threads)
        subject.prepare()
        baseline = peak_memory_bytes()
        load_ms = timed(subject.load)
        if subject.simulated:
            return {"simulated": True}
        first_ms = timed(subject.run)
        self.subjects[key] = subject
        return {
            "simulated": False,
            "load_ms": load_ms,
            "first_inference_ms": first_ms,
            "baseline_memory_bytes": baseline,
            "peak_memory_bytes": peak_memory_bytes(),
        }

    def run(self, key: str) -> dict:
        """Run once."""
        return {"ms": timed(self.subjects[key].run)}

    def operations(self, key: str) -> dict:
        """Tell where the time goes, and what the runtime holds for tensors."""
        operations, arena = inside(self.subjects[key])
        return {"operations": asdict(operations), "arena": None if arena is None else asdict(arena)}

    def macs(self, key: str) -> dict:
        """Count the arithmetic of an opened torch program."""
        from .macs import count_macs

        subject = self.subjects[key]
        assert isinstance(subject, TorchSubject)
        return count_macs(subject.program, *subject.size)


def inside(subject: Subject) -> tuple[Operations, Arena | None]:
    """Ask the subject's runtime for its operations and its arena."""
    if isinstance(subject, TorchSubject):
        from .per_operation import torch_operations

        return torch_operations(subject.run, subject.threads), None
    if isinstance(subject, FileSubject) and subject.backend == "onnxruntime":
        events = onnxruntime_trace(subject.path, subject.inputs, subject.threads)
        return parse_onnxruntime_trace(events, subject.threads), parse_onnxruntime_arena(events)
    if isinstance(subject, FileSubject) and subject.backend == "litert":
        return litert_operations(subject.path, subject.inputs, subject.threads), litert_arena(subject.path)
    return not_told(subject.backend), None


def timed(call: Callable[[], object]) -> float:
    """Return how many milliseconds a call took."""
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1e6


def serve(commands: TextIO, answers: TextIO) -> None:
    """Answer commands until there are no more: {"do": method, …its arguments} → its result, or an error."""
    session = Session()
    for line in commands:
        command = json.loads(line)
        try:
            answer = getattr(session, command.pop("do"))(**command)
        except LdikitError as error:
            answer = {"error": str(error), "exit_code": error.exit_code}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}", "exit_code": None}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve standard input; whatever a runtime prints goes to standard error, away from the answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if len(sys.argv) > 1:  # before a runtime makes its threads, which inherit it
        os.sched_setaffinity(0, map(int, sys.argv[1:]))
    # A collection in the middle of a timed call would be counted as the runtime's.
    gc.disable()
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
