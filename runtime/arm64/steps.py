"""Which int8 operations of a file give other steps on an emulated ARM64 processor than on this machine.

Run whole, two builds part by float rounding before the first quantisation and pass it on. So the file is
cut at every int8 tensor: each operation reads the value that this machine computed, given as an input, and
what it makes is an output of its own. One inference then tests all operations, each by itself.
"""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import InputError
from ..backends.canonical import to_declared
from ..backends.litert_backend import muted
from ..manifest import ModelFile
from .backend import require
from .cpus import split
from .cut import MADE
from .forced_onnx import cut_onnx
from .forced_tflite import cut_tflite
from .guest import Guest
from .guest_script import MODELS


@dataclass(frozen=True)
class Difference:
    """An operation that makes other int8 values of the same inputs.

    Attributes:
        file: path in the bundle.
        tensor, operation, quantises: see `cut.Cut`.
        steps: the largest difference.
        values: how many differ.
        of: how many there are.
    """

    file: str
    tensor: str
    operation: str
    quantises: bool
    steps: int
    values: int
    of: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.operation} {self.tensor}: {self.values} of {self.of} by up to {self.steps} steps"


def differences(
    path: Path, entry: ModelFile, backend: str, photo: np.ndarray
) -> tuple[list[Difference], int]:
    """Compare every int8 operation of a program with this machine's.

    Args:
        path: of the file.
        entry: what the manifest declares of it: "onnx" or "tflite".
        backend: "RUNTIME@CPU".
        photo: (1, 3, H, W) float32 in [0, 1].

    Returns:
        the operations that differ, in the file's order; how many were compared.

    Raises:
        InputError: the file cannot be cut or run.
        MissingExtraError, BackendUnavailableError: the runtime or the ARM64 root is not here.
    """
    runtime, cpu = split(backend)
    cache = require(runtime)
    inputs = [spec.name for spec in entry.inputs]
    given = [to_declared(photo, spec) for spec in entry.inputs]
    with tempfile.TemporaryDirectory() as folder:
        probe, cut = Path(folder) / f"probe.{entry.format}", Path(folder) / f"cut.{entry.format}"
        cutter = cut_onnx if entry.format == "onnx" else cut_tflite
        cuts, content = cutter(path)
        if not cuts:
            raise InputError(f"{path} has no int8 tensor")
        probe.write_bytes(content(None))
        names = [c.name for c in cuts]
        values = _on_host(runtime, probe, inputs, names, given)
        cut.write_bytes(content([value.shape for value in values]))
        made = [name + MADE for name in names]
        here = _on_host(runtime, cut, [*inputs, *names], made, [*given, *values])
        with Guest(cache, cpu, runtime, cut, [*inputs, *names], made) as guest:
            there = guest.run(dict(zip([*inputs, *names], [*given, *values], strict=True)))
    found = []
    for c, name, own in zip(cuts, made, here, strict=True):
        apart = np.abs(own.astype(np.int32) - there[name].astype(np.int32))
        if apart.any():
            count = int(np.count_nonzero(apart))
            found.append(
                Difference(entry.path, c.name, c.operation, c.quantises, int(apart.max()), count, apart.size)
            )
    return found, len(cuts)


def _on_host(
    runtime: str, path: Path, inputs: list[str], outputs: list[str], arrays: list[np.ndarray]
) -> list[np.ndarray]:
    """Run a file here, opened by the guest's own code."""
    try:
        with muted():
            results: list[np.ndarray] = MODELS[runtime](str(path), inputs, outputs).infer(arrays)
    except Exception as error:  # the runtimes' errors share no base class but this
        raise InputError(
            f"{runtime} cannot run the cut file: {' '.join(str(error).split())[:300]}"
        ) from error
    return results
