"""The backends `onnxruntime@CPU` and `litert@CPU`: a model file in an ARM64 guest."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...reference.errors import BackendUnavailableError
from ..manifest import ModelFile
from .cache import Cache, open_cache
from .cpus import RUNTIMES, Cpu, native, split
from .guest import Guest

# Emulation takes minutes and gives the same every time, so the last results of a file are kept: a candidate
# is run once more on its worst photo.
KEPT = 16
_kept: dict[str, dict[str, np.ndarray]] = {}


class Arm64Runner:
    """One model file in a guest of its own, which starts with the first inference.

    Args:
        path: of the file.
        entry: what the manifest declares of it.
        cache: from `open_cache`.
        runtime, cpu: see `cpus.split`.
    """

    # The runtime and its kernels are those of a phone; what is emulated is the processor, to the bit.
    simulated = False

    def __init__(self, path: Path, entry: ModelFile, cache: Cache, runtime: str, cpu: Cpu) -> None:
        self.backend = f"{runtime}@{cpu.name}"
        self.cache, self.runtime, self.cpu = cache, runtime, cpu
        inputs, outputs = ([spec.name for spec in side] for side in (entry.inputs, entry.outputs))
        self.guest = Guest(cache, cpu, runtime, path, inputs, outputs)
        self._file = f"{self.backend} {entry.sha256}"

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once; see `Runner.infer`."""
        found = hashlib.sha256(self._file.encode())
        for name in sorted(inputs):
            found.update(np.ascontiguousarray(inputs[name]).tobytes())
        key = found.hexdigest()
        if key not in _kept:
            result = self.guest.run(inputs)
            while len(_kept) >= KEPT:
                _kept.pop(next(iter(_kept)), None)
            _kept[key] = result
        return dict(_kept[key])

    def described(self) -> dict[str, object]:
        """Return what is known of the processor and of what runs on it: `cpu`, `features` and more."""
        self.guest.start()
        assert self.guest.processor is not None
        distribution = RUNTIMES[self.runtime]
        return {
            "cpu": self.cpu.name,
            "part": self.guest.processor.part,
            "features": list(self.guest.processor.features),
            "emulator": f"qemu-aarch64 {self.cache.qemu_version}",
            "runtime": f"{distribution} {self.cache.wheels[distribution]}",
        }


def open_file(path: Path, entry: ModelFile, backend: str) -> Arm64Runner:
    """Load a file for the backend of that name.

    Raises:
        InputError: no such runtime or processor.
        BackendUnavailableError: there is no ARM64 root, or it does not hold this runtime.
    """
    runtime, cpu = split(backend)
    cache = require(runtime)
    return Arm64Runner(path, entry, cache, runtime, cpu)


def require(runtime: str) -> Cache:
    """Return the cache, after checking that it holds a runtime.

    Raises:
        BackendUnavailableError: it does not, or there is none.
    """
    if native():
        raise BackendUnavailableError(
            f"this machine's own processor is an ARM64 one: the backend {runtime!r} runs natively"
        )
    cache = open_cache()
    if RUNTIMES[runtime] not in cache.wheels:
        raise BackendUnavailableError(
            f"{RUNTIMES[runtime]} is not installed: pip install 'ldikit[onnx,tflite]'"
        )
    return cache
