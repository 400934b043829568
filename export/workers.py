"""Running conversions side by side, each in a process of its own whose chatter goes to the log."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..reference.errors import BackendUnavailableError, InputError, LdikitError
from .protocol import ExportedFile, ExportFailedError
from .worker import Task, read_results

# A conversion peaks at about 2 GB and uses one core.
AT_ONCE = 2
_POLL_S = 0.05

log = logging.getLogger(__name__)


@dataclass
class _Running:
    """One worker process."""

    task: Task
    process: subprocess.Popen[bytes]
    result: Path
    output: Path


def convert_all(tasks: Sequence[Task], at_once: int = AT_ONCE) -> Iterator[list[ExportedFile]]:
    """Do every task, yielding what each wrote as soon as it is done. On any error the others are stopped.

    Args:
        tasks: in the order in which they are started: give the longest first.
        at_once: how many run side by side.

    Raises:
        LdikitError: what stopped a worker; `ExportFailedError` for what only the converter understands.
        OSError: the disk is full, or a folder cannot be written.
    """
    waiting = list(tasks)
    running: list[_Running] = []
    with tempfile.TemporaryDirectory(prefix="ldikit-export-") as folder:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    running.append(_start(waiting.pop(0), Path(folder), len(waiting)))
                done = [worker for worker in running if worker.process.poll() is not None]
                for worker in done:
                    running.remove(worker)
                    yield _finish(worker)
                if not done:
                    time.sleep(_POLL_S)
        finally:
            for worker in running:
                _stop(worker.process)


def _start(task: Task, folder: Path, number: int) -> _Running:
    base = folder / f"{task.format}-{task.size}-{number}"
    request, result, output = (base.with_name(base.name + end) for end in (".task", ".result", ".log"))
    request.write_text(task.to_json(), encoding="utf-8")
    # One core each; no colours, bars or telemetry of the converters.
    # Temporary files of a converter that is stopped go with the folder.
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
        "TQDM_DISABLE": "1",
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(base.parent)),
    }
    command = [sys.executable, "-P", "-m", f"{__package__}.worker", str(request), str(result)]
    log.info("converting to %s at %s", task.format, task.size)
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the caller alone, which then stops its workers
        )
    return _Running(task, process, result, output)


def _finish(worker: _Running) -> list[ExportedFile]:
    """Read a worker's result, or raise what stopped it."""
    lines = worker.output.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        log.debug("%s %s: %s", worker.task.format, worker.task.size, line)
    if worker.process.returncode or not worker.result.is_file():
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        raise ExportFailedError(
            f"the pipeline {worker.task.config.name} cannot be converted to {worker.task.format} at "
            f"{worker.task.size}: {last[:300]} (-vv shows all that the converter says)"
        )
    result = json.loads(worker.result.read_text(encoding="utf-8"))
    if "errno" in result:
        raise OSError(result["errno"], result["error"])
    if "error" in result:
        raise _error(result["error"], result["exit_code"])
    return read_results(result["files"])


def _error(message: str, exit_code: int) -> LdikitError:
    return BackendUnavailableError(message) if exit_code == 3 else InputError(message)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a worker and all that it started, and wait until it is gone: it writes into the bundle."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
