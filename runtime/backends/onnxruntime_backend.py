"""onnxruntime: ONNX files on the CPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ..manifest import ModelFile

# Errors only: warnings about graph optimisations would fill the user's terminal.
LOG_ERRORS = 3

# Off on x86 alone, where onnxruntime likes unsigned numbers better and then leaves all layers whose result is
# used twice in float. A phone's processor computes them in int8, so the desk does.
INT8_AS_ON_ARM = ("session.qdqisint8allowed", "1")

# Else onnxruntime rounds what goes into a linear layer of int8 weights to int8 too, unasked and by scales of
# its own. (1 is single precision; the default is int8.)
LINEAR_IN_FLOAT = ("session.qdq_matmulnbits_accuracy_level", "1")

SETTINGS = (INT8_AS_ON_ARM, LINEAR_IN_FLOAT)
"""Of every session on files of the recipe's precisions; an app has to ask for the second."""


def require() -> Any:
    """Return the onnxruntime module.

    Raises:
        MissingExtraError: it is not installed.
        BackendUnavailableError: it is, and cannot be loaded.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "onnxruntime", "onnx", "running ONNX files") from error
    except ImportError as error:
        raise BackendUnavailableError(f"onnxruntime cannot be loaded here: {error}") from error
    return onnxruntime


class OnnxRunner:
    """One ONNX file in an inference session of its own.

    Args:
        path: the .onnx file.
        entry: what the manifest declares of it.
        threads: threads inside an operator; operators run one after another.
        literal: run the graph as it is written, no operation merged with another.
    """

    backend = "onnxruntime"
    simulated = False

    def __init__(self, path: Path, entry: ModelFile, threads: int, literal: bool = False) -> None:
        onnxruntime = require()
        options = onnxruntime.SessionOptions()
        if literal:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = LOG_ERRORS
        for setting in SETTINGS:
            options.add_session_config_entry(*setting)
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no base class but this
            raise InputError(f"onnxruntime cannot open {path}: {_line(error)}") from error
        self.outputs = [spec.name for spec in entry.outputs]
        for what, declared, found in (
            ("input", [spec.name for spec in entry.inputs], self.session.get_inputs()),
            ("output", self.outputs, self.session.get_outputs()),
        ):
            names = [value.name for value in found]
            if set(declared) != set(names):
                raise InputError(f"{path} has the {what}s {names}, its manifest declares {declared}")

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once; see `Runner.infer`."""
        try:
            arrays = self.session.run(self.outputs, dict(inputs))
        except Exception as error:
            raise InputError(f"onnxruntime cannot run this file: {_line(error)}") from error
        return dict(zip(self.outputs, arrays, strict=True))


def open_file(path: Path, entry: ModelFile, threads: int = 1) -> OnnxRunner:
    """Load an ONNX file; see `BackendFactory`."""
    return OnnxRunner(path, entry, threads)


def open_literal(path: Path, entry: ModelFile) -> OnnxRunner:
    """Load an ONNX file to run it as it is written; see `loader.open_literal`."""
    return OnnxRunner(path, entry, threads=1, literal=True)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
