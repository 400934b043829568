"""litert: TFLite files on the CPU, by ai-edge-litert or its predecessor tflite-runtime."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ..manifest import ModelFile, TensorSpec


def require() -> Any:
    """Return the interpreter class of the runtime that is installed.

    Raises:
        MissingExtraError: neither runtime is installed.
        BackendUnavailableError: one is, and cannot be loaded.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as first:
        try:
            from tflite_runtime.interpreter import Interpreter  # type: ignore[no-redef]
        except ModuleNotFoundError:
            raise MissingExtraError("ai-edge-litert", "tflite", "running TFLite files") from first
        except ImportError as error:
            raise BackendUnavailableError(f"tflite-runtime cannot be loaded here: {error}") from error
    except ImportError as error:
        raise BackendUnavailableError(f"ai-edge-litert cannot be loaded here: {error}") from error
    return Interpreter


class LitertRunner:
    """One TFLite file in an interpreter of its own.

    Tensors are found by the names of the file's signature; a file without one, by the declared order.

    Args:
        path: the .tflite file.
        entry: what the manifest declares of it.
        threads: threads of the kernels.
        literal: run TFLite's own kernels, without the XNNPACK delegate.
    """

    backend = "litert"
    simulated = False

    def __init__(self, path: Path, entry: ModelFile, threads: int, literal: bool = False) -> None:
        interpreter_class = require()
        options = {"experimental_op_resolver_type": _without_delegates(interpreter_class)} if literal else {}
        try:
            with muted():
                self.interpreter = interpreter_class(model_path=str(path), num_threads=threads, **options)
                self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputError(f"litert cannot open {path}: {' '.join(str(error).split())[:300]}") from error
        signatures = self.interpreter.get_signature_list()
        names = signatures[min(signatures)] if signatures else {"inputs": [], "outputs": []}
        self.signature = None
        if all(
            {spec.name for spec in specs} == set(names[side])
            for side, specs in (("inputs", entry.inputs), ("outputs", entry.outputs))
        ):
            self.signature = self.interpreter.get_signature_runner(min(signatures))
            found = (self.signature.get_input_details(), self.signature.get_output_details())
            details = [
                [found[side][spec.name] for spec in specs]
                for side, specs in enumerate((entry.inputs, entry.outputs))
            ]
        else:
            details = [self.interpreter.get_input_details(), self.interpreter.get_output_details()]
        self.inputs = _check(path, "input", entry.inputs, details[0])
        self.outputs = _check(path, "output", entry.outputs, details[1])

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once; see `Runner.infer`."""
        try:
            if self.signature is not None:
                result = self.signature(**{name: inputs[name] for name in self.inputs})
                return {name: result[name] for name in self.outputs}
            for name, index in self.inputs.items():
                self.interpreter.set_tensor(index, inputs[name])
            self.interpreter.invoke()
            return {name: self.interpreter.get_tensor(index) for name, index in self.outputs.items()}
        except (ValueError, RuntimeError) as error:
            raise InputError(f"litert cannot run this file: {' '.join(str(error).split())[:300]}") from error


@contextmanager
def muted() -> Iterator[None]:
    """Keep the runtime's remarks on its delegates off standard error; it has no setting for them.

    Its errors are Python exceptions, so nothing that matters is lost.
    """
    try:
        kept = os.dup(2)
    except OSError:  # a process without standard error
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check(
    path: Path, what: str, specs: tuple[TensorSpec, ...], details: list[dict[str, Any]]
) -> dict[str, int]:
    """Return the tensor index by declared name, after checking that shapes and types are as declared."""
    if len(details) != len(specs):
        raise InputError(f"{path} has {len(details)} {what}s, its manifest declares {len(specs)}")
    for spec, detail in zip(specs, details, strict=True):
        shape, dtype = tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name
        if shape != spec.shape or dtype != spec.dtype:
            raise InputError(
                f"{path}: {what} {spec.name!r} is {dtype} {shape}, its manifest declares "
                f"{spec.dtype} {spec.shape}"
            )
    return {spec.name: int(detail["index"]) for spec, detail in zip(specs, details, strict=True)}


def open_file(path: Path, entry: ModelFile, threads: int = 1) -> LitertRunner:
    """Load a TFLite file; see `BackendFactory`."""
    return LitertRunner(path, entry, threads)


def open_literal(path: Path, entry: ModelFile) -> LitertRunner:
    """Load a TFLite file to run it by TFLite's own kernels; see `loader.open_literal`."""
    return LitertRunner(path, entry, threads=1, literal=True)


def _without_delegates(interpreter_class: Any) -> Any:
    """Return the setting that keeps XNNPACK away, from wherever the installed runtime has it."""
    return sys.modules[interpreter_class.__module__].OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
