"""`ldikit doctor`: what is installed here, and what each missing piece would be needed for."""

import importlib.metadata
import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

# Distribution, the extra that brings it ("" for the core), what needs it.
PARTS = (
    ("torch", "", "the reference"),
    ("numpy", "", "everything"),
    ("pillow", "", "photos"),
    ("pillow-heif", "", "HEIC photos"),
    ("av", "", "videos"),
    ("flip-evaluator", "", "the ꟻLIP of rendered views"),
    ("numba", "", "rendering views"),
    ("scikit-image", "", "the SSIM of rendered views"),
    ("onnx", "onnx", "exporting ONNX"),
    ("onnxscript", "onnx", "exporting ONNX"),
    ("onnxruntime", "onnx", "running ONNX"),
    ("coremltools", "coreml", "exporting Core ML and reading its packages"),
    ("litert-torch", "tflite", "exporting TFLite"),
    ("ai-edge-litert", "tflite", "running TFLite"),
    ("transformers", "transformers", "depth networks of the transformers library"),
)


@dataclass(frozen=True)
class Part:
    """One library: its version here, or None, and the extra that installs it."""

    name: str
    version: str | None
    extra: str
    purpose: str


@dataclass(frozen=True)
class Diagnosis:
    """What `doctor` found.

    Attributes:
        host: processor, cores, system, Python.
        parts: every library ldikit can use.
        coreml: how Core ML models are run here.
    """

    host: dict[str, Any]
    parts: tuple[Part, ...]
    coreml: str

    @property
    def missing(self) -> tuple[Part, ...]:
        """The libraries that are not installed."""
        return tuple(part for part in self.parts if part.version is None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def diagnose() -> Diagnosis:
    """Look at this machine; imports none of the libraries it reports on."""
    mac = platform.system() == "Darwin"
    return Diagnosis(
        host={
            "system": f"{platform.system()} {platform.release()}",
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "ldikit": _version("ldikit"),
        },
        parts=tuple(Part(name, _version(name), extra, purpose) for name, extra, purpose in PARTS),
        coreml="Core ML itself"
        if mac
        else "ldikit's evaluator of saved packages (results are marked simulated)",
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
