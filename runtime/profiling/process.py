"""The parent's side of a worker process."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from ...reference.errors import BackendUnavailableError, InputError

# Libraries read these once, when they are loaded.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# Threads of a candidate that has finished must sleep: libgomp's would spin on for the next one's cores (and
# where something else has a core too, each barrier of a spinning team costs that neighbour's time slice).
SLEEP = {"OMP_WAIT_POLICY": "PASSIVE"}

# A worker that is asked to go and does not within this long is ended.
GRACE_S = 5


class Worker:
    """One process for one candidate; see `worker`.

    Args:
        threads: that its libraries may use; 0 leaves it to them.
        cpus: numbers of the cores that it may run on; None for all.
    """

    def __init__(self, threads: int, cpus: Sequence[int] | None = None) -> None:
        limits = {name: str(threads) for name in THREAD_VARIABLES} if threads else {}
        # A file, not a pipe: nobody has to empty it, and a crash can be read afterwards.
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            # -P: the working folder must not shadow any module.
            [sys.executable, "-P", "-m", f"{__package__}.worker", *map(str, cpus or ())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env={**os.environ, **SLEEP, **limits},
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one command and wait for its answer.

        Raises:
            BackendUnavailableError: the runtime is not here.
            InputError: the file cannot be used by it, or the runtime failed or died; with its last words.
        """
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise InputError(f"the process that profiled died: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            if answer["exit_code"] == BackendUnavailableError.exit_code:
                raise BackendUnavailableError(answer["error"])
            raise InputError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process; nothing of it stays."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _last_words(self) -> str:
        """Return its last line of standard error, or its exit status."""
        status = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        return lines[-1] if lines else f"exit status {status}"
