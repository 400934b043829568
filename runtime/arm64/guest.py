"""The host's side of an ARM64 guest: one process of QEMU that has one model file open."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError
from .cache import Cache
from .cpus import Cpu

SCRIPT = Path(__file__).with_name("guest_script.py")
# For one answer. The slowest kind, fp16, takes 15 s for a GMAC here; a guest that hangs takes for ever.
LIMIT_S = 1800.0


@dataclass(frozen=True)
class Processor:
    """What a guest says of itself.

    Attributes:
        features: of the processor, as the kernel names them.
        part: its part number.
    """

    features: tuple[str, ...]
    part: str


class Guest:
    """A guest; started by the first need of it, ended by `close` or when nobody holds it any more.

    Args:
        cache: where everything lies.
        cpu: that is emulated.
        runtime: of `cpus.RUNTIMES`.
        model: the file; None only imports the runtime.
        inputs, outputs: names that the manifest declares, in its order.
        emulator: the command of QEMU; None for the cache's own.
        limit_s: for one answer.
        keep_compiled: let Python keep the modules that it compiles.
    """

    def __init__(
        self,
        cache: Cache,
        cpu: Cpu,
        runtime: str,
        model: Path | None = None,
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
        emulator: Sequence[str] | None = None,
        limit_s: float = LIMIT_S,
        keep_compiled: bool = False,
    ) -> None:
        command = [*(emulator or (str(cache.qemu), "-L", str(cache.root))), "-cpu", cpu.model]
        guest = {"PYTHONPATH": str(cache.site), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # Tables in the same order every time: a count shall repeat.
        guest |= {"PYTHONHASHSEED": "0"}
        guest |= {"PYTHONUTF8": "1"} if keep_compiled else {"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        for name, value in guest.items():
            command += ["-E", f"{name}={value}"]
        settings = {
            "runtime": runtime,
            "model": None if model is None else str(model.absolute()),
            "inputs": list(inputs),
            "outputs": list(outputs),
        }
        python = str(cache.root / cache.python)
        # -s, -S: only the cache's modules. -P: the working folder holds none.
        command += [python, "-s", "-S", "-P", str(SCRIPT), json.dumps(settings)]
        self._prepare(f"{runtime}@{cpu.name}", command, inputs, outputs, limit_s, {})

    def _prepare(
        self,
        name: str,
        command: Sequence[str],
        inputs: Sequence[str],
        outputs: Sequence[str],
        limit_s: float,
        environment: Mapping[str, str],
    ) -> None:
        """Note what is started when the first need of it comes."""
        self.name = name
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self._command, self._limit_s, self._environment = list(command), limit_s, dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self.processor: Processor | None = None
        self.told: dict[str, Any] = {}

    def __enter__(self) -> "Guest":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the guest and open the file, if that is not done.

        Raises:
            InputError: the runtime cannot open the file.
            BackendUnavailableError: the guest crashed, hung, or the emulator does not run.
        """
        if self._process is not None:
            return
        self._scratch = tempfile.TemporaryDirectory(prefix="ldikit-arm64-")
        self._errors = (Path(self._scratch.name) / "errors").open("w+b")
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=self._scratch.name,  # where QEMU would leave a core file
                env=self._environment,
            )
        except OSError as error:
            raise BackendUnavailableError(f"{self.name}: the emulator does not run: {error}") from error
        self._end = weakref.finalize(self, _end, self._process)
        self._buffer = b""
        try:
            said = self._answer()
        except (InputError, BackendUnavailableError):
            self.close()
            raise
        self.told = said
        self.processor = Processor(tuple(said["features"]), said["part"])

    def run(self, inputs: Mapping[str, np.ndarray], marks: bool = False) -> dict[str, np.ndarray]:
        """Infer once on tensors as the file declares them.

        Args:
            inputs: by name.
            marks: tell a counting plug-in where the inference begins and ends.

        Raises:
            InputError: the runtime cannot run the file.
            BackendUnavailableError: the guest crashed or hung.
        """
        self.start()
        folder = Path(self._scratch.name)
        given, made = folder / "in.npz", folder / "out.npz"
        np.savez(given, **{str(i): inputs[name] for i, name in enumerate(self.inputs)})  # type: ignore[arg-type]
        self.ask({"in": str(given), "out": str(made), "marks": marks})
        with np.load(made) as file:
            return {name: file[str(i)] for i, name in enumerate(self.outputs)}

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command to a started guest and wait for its answer; see `guest_script.serve`.

        Raises:
            InputError: the runtime cannot run the file.
            BackendUnavailableError: the guest crashed or hung.
        """
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says how it died
        return self._answer()

    def close(self) -> None:
        """End the guest; nothing of it stays."""
        if self._process is None:
            return
        self._end()
        self._process = None
        self._errors.close()
        self._scratch.cleanup()

    def _answer(self) -> dict[str, Any]:
        """Wait for a line."""
        assert self._process is not None and self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        until = time.monotonic() + self._limit_s
        while b"\n" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                self.close()
                raise BackendUnavailableError(
                    f"{self.name}: the guest gave no answer within {self._limit_s:g} s and was ended"
                )
            block = os.read(pipe, 1 << 16)
            if not block:
                line = f"{self.name}: {self._how_it_died()}"
                self.close()
                raise BackendUnavailableError(line)
            self._buffer += block
        line_, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line_)
        if "error" in answer:
            raise InputError(f"{self.name}: {answer['error']}")
        return answer

    def _how_it_died(self) -> str:
        assert self._process is not None
        status = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode("utf-8", "replace").splitlines()]
        return how_it_died(status, [line for line in lines if line])


def how_it_died(status: int, lines: Sequence[str]) -> str:
    """Say in a line why a guest ended.

    Args:
        status: of the process; below 0 the signal that ended it.
        lines: what it and QEMU wrote to standard error.
    """
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        hint = ": the processor lacks an instruction that the runtime uses" if name == "SIGILL" else ""
        return f"the guest crashed ({name}){hint}"
    return f"the guest ended with status {status}: {lines[-1][:300] if lines else 'it says nothing'}"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
