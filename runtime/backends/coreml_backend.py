"""coreml: .mlpackage files, by Core ML itself on a Mac, elsewhere by our evaluator of the saved program."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ..manifest import ModelFile, TensorSpec

# How the evaluator rounds fp16: the least and the most that a phone's hardware rounds (DESIGN §7).
ROUNDINGS = ("once", "pessimistic")


def require() -> None:
    """Check that a .mlpackage can be run here.

    Raises:
        MissingExtraError: coremltools (on a Mac) or protobuf (elsewhere) is not installed.
        BackendUnavailableError: it cannot be loaded.
    """
    if sys.platform == "darwin":
        _coremltools()
        return
    try:
        import google.protobuf  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("protobuf", "coreml", "reading Core ML models") from error
    except ImportError as error:
        raise BackendUnavailableError(f"protobuf cannot be loaded here: {error}") from error


def _coremltools() -> Any:
    try:
        import coremltools
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "coremltools", "coreml", "running Core ML models") from error
    except ImportError as error:
        raise BackendUnavailableError(f"coremltools cannot be loaded here: {error}") from error
    return coremltools


class CoreMLRunner:
    """Core ML itself, on whatever of CPU, GPU and Neural Engine it chooses. macOS only."""

    backend = "coreml"
    simulated = False

    def __init__(self, path: Path, entry: ModelFile) -> None:
        coremltools = _coremltools()
        try:
            self.model = coremltools.models.MLModel(str(path))
        except Exception as error:  # Core ML's errors have no common class
            raise InputError(f"Core ML cannot open {path}: {' '.join(str(error).split())[:300]}") from error
        self.entry = entry

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once; see `Runner.infer`."""
        from PIL import Image

        feeds: dict[str, Any] = {}
        for spec in self.entry.inputs:
            array = inputs[spec.name]
            feeds[spec.name] = Image.fromarray(_pixels(array, spec)) if spec.kind == "image" else array
        result = self.model.predict(feeds)
        return {spec.name: np.asarray(result[spec.name]) for spec in self.entry.outputs}


class EvaluatorRunner:
    """Our model of Core ML, run on the saved program.

    Args:
        model: a loaded ML Program (`runtime.mil.MilModel`).
        entry: what the manifest declares of it.
        rounding: one of `ROUNDINGS`; fp32 programs give the same with both.
    """

    backend = "coreml"
    simulated = True

    def __init__(self, model: Any, entry: ModelFile, rounding: str = ROUNDINGS[0]) -> None:
        self.model = model
        self.entry = entry
        self.rounding = rounding

    def rounded(self, rounding: str) -> "EvaluatorRunner":
        """Return a runner of the same loaded program that rounds in another way.

        Raises:
            InputError: no such way.
        """
        if rounding not in ROUNDINGS:
            raise InputError(f"unknown rounding {rounding!r}; known: {', '.join(ROUNDINGS)}")
        return EvaluatorRunner(self.model, self.entry, rounding)

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once; see `Runner.infer`."""
        feeds = {}
        for spec in self.entry.inputs:
            array = inputs[spec.name]
            feeds[spec.name] = _pixels(array, spec) if spec.kind == "image" else array
        result = self.model.predict(feeds, precision=self.rounding)
        missing = [spec.name for spec in self.entry.outputs if spec.name not in result]
        if missing:
            raise InputError(f"{self.model.path} has no output {missing[0]!r}; it has {sorted(result)}")
        return {spec.name: result[spec.name] for spec in self.entry.outputs}


def _pixels(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Return the H×W×3 uint8 picture that a platform would hand over."""
    axes = [spec.layout.index(axis) for axis in "HWC"]
    kept = array[0] if "N" in spec.layout else array
    offset = 1 if "N" in spec.layout else 0
    return np.ascontiguousarray(np.transpose(kept, [axis - offset for axis in axes]).astype(np.uint8))


def open_file(path: Path, entry: ModelFile, threads: int = 1) -> CoreMLRunner | EvaluatorRunner:
    """Load a .mlpackage; see `BackendFactory`. Core ML chooses its threads itself."""
    require()
    if sys.platform == "darwin":
        return CoreMLRunner(path, entry)
    from ..mil import load

    return EvaluatorRunner(load(path), entry)


def open_literal(path: Path, entry: ModelFile) -> EvaluatorRunner:
    """Load a .mlpackage into our evaluator, on a Mac too; see `loader.open_literal`."""
    from ..mil import load

    return EvaluatorRunner(load(path), entry)
