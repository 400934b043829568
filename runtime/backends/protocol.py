"""One protocol for every backend: canonical tensors in, canonical tensors out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from ...reference.registry import Registry
from ..manifest import ModelFile


class Runner(Protocol):
    """One model file, loaded by one backend, ready to run.

    Attributes:
        backend: the backend's registered name.
        simulated: True if this is not the runtime a phone would use but our model of it.
    """

    backend: str
    simulated: bool

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once on tensors exactly as the file declares them (name, shape, dtype, layout, range).

        This is what a profile times; `runtime.backends.canonical` turns a canonical call into it.
        """
        ...


class BackendFactory(Protocol):
    """Opens one model file.

    Args of a call: the file's path, its manifest entry, and how many threads to run on.

    Raises:
        MissingExtraError, BackendUnavailableError: the runtime is not here (exit code 3).
        InputError: the file cannot be read by it.
    """

    def __call__(self, path: Path, entry: ModelFile, threads: int = 1) -> Runner:
        """Load the file."""
        ...


backends: Registry[BackendFactory] = Registry("backend")

# The backend that runs a format unless another is asked for.
BACKEND_OF_FORMAT = {"onnx": "onnxruntime", "coreml": "coreml", "tflite": "litert"}
