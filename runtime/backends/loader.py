"""The backends by name. Naming them imports nothing: a runtime is imported when its first file is opened."""

import sys
from importlib import import_module
from pathlib import Path

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ..arm64.cpus import backend_names
from ..manifest import ModelFile
from .protocol import BACKEND_OF_FORMAT, BackendFactory, Runner, backends

_OWN = {"torch": "torch", **{backend: kind for kind, backend in BACKEND_OF_FORMAT.items()}}

# Which format each backend runs; `torch` runs the float reference of the bundle's manifest, "RUNTIME@CPU" a
# runtime's ARM64 build on an emulated processor.
FORMAT_OF_BACKEND = {**_OWN, **{name: _OWN[name.split("@")[0]] for name in backend_names()}}


def _module(name: str) -> str:
    return f"{__package__}.{name}_backend"


def _lazy(name: str) -> BackendFactory:
    """Return a factory that imports the backend's module when it is first called."""

    def open_file(path: Path, entry: ModelFile, threads: int = 1) -> Runner:
        if "@" in name:
            from ..arm64.backend import open_file as open_emulated

            return open_emulated(path, entry, name)
        return import_module(_module(name)).open_file(path, entry, threads)

    return open_file


for _name in FORMAT_OF_BACKEND:
    if _name not in backends:
        backends.register(_name)(_lazy(_name))


def backend_for(kind: str, backend: str | None = None) -> str:
    """Return the backend that runs a format: the one asked for, or the format's own.

    Args:
        kind: "onnx", "coreml", "tflite" or "torch".
        backend: a backend's name, or None.

    Raises:
        InputError: no such format or backend, or the backend does not run the format.
    """
    known = {kind: name for name, kind in _OWN.items()}
    if kind not in known:
        raise InputError(f"unknown format {kind!r}; known: {', '.join(sorted(known))}")
    if backend is None:
        return known[kind]
    backends.get(backend)
    if FORMAT_OF_BACKEND[backend] != kind:
        raise InputError(
            f"backend {backend!r} runs {FORMAT_OF_BACKEND[backend]} files, not {kind}: use {known[kind]!r}"
        )
    return backend


def open_runner(path: Path, entry: ModelFile, backend: str | None = None, threads: int = 1) -> Runner:
    """Load one model file.

    Raises:
        MissingExtraError, BackendUnavailableError: the runtime is not here (exit code 3).
        InputError: unknown backend, threads below 1, or a file that the runtime cannot read.
    """
    if threads < 1:
        raise InputError(f"a backend needs at least 1 thread, got {threads}")
    return backends.get(backend_for(entry.format, backend))(path, entry, threads)


def open_literal(path: Path, entry: ModelFile) -> Runner:
    """Load a model file to run it as it is written: what the converter made, whatever phones make of it.

    ONNX without graph optimisations; TFLite by its own kernels, without XNNPACK; Core ML by our evaluator,
    rounding once after every operation.

    Raises:
        MissingExtraError, BackendUnavailableError: the runtime is not here (exit code 3).
        InputError: a file that it cannot read.
    """
    runner: Runner = import_module(_module(backend_for(entry.format))).open_literal(path, entry)
    return runner


def unavailable(backend: str) -> str | None:
    """Say in one line why a backend cannot run here, or None if it can.

    Raises:
        InputError: unknown backend.
    """
    backends.get(backend)
    try:
        if "@" in backend:
            from ..arm64.backend import require

            require(backend.split("@")[0])
        else:
            import_module(_module(backend)).require()
    except (MissingExtraError, BackendUnavailableError) as error:
        return str(error)
    return None


def simulates(backend: str) -> bool:
    """Say whether a backend runs, on this platform, as our model of the real runtime."""
    return backend == "coreml" and sys.platform != "darwin"
