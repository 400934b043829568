"""What an exporter is: one stage of a program in, model files of one format out."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..reference.errors import InputError, LdikitError, MissingExtraError
from ..reference.registry import Registry
from ..runtime.manifest import FORMATS, PRECISIONS, ModelFile, Substitution

if TYPE_CHECKING:
    from .stages import StageProgram

# What `--precision` may ask for; int8 needs a quantisation recipe, which no exporter applies yet.
EXPORTED_PRECISIONS = ("fp32", "fp16")

# The packages that converting to a format and running the result need, by the extra that installs them.
CONVERTERS = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "coreml": ("coremltools",),
    "tflite": ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"),
}
SUFFIXES = {"onnx": "onnx", "coreml": "mlpackage", "tflite": "tflite"}


class ExportFailedError(LdikitError):
    """A converter could not convert the program (exit code 2)."""


@dataclass(frozen=True)
class Replacement:
    """An operation that an exporter replaced, before its error is measured.

    Attributes:
        operation: what the program has.
        replacement: what the file has instead.
        reason: why.
    """

    operation: str
    replacement: str
    reason: str


@dataclass(frozen=True)
class ExportedFile:
    """A model file that was written.

    Attributes:
        entry: its manifest entry; `sha256` is empty and `bytes` 0 until the bundle is sealed.
        substitutions: what was replaced in it, with the error of the file on the golden photo.
    """

    entry: ModelFile
    substitutions: tuple[Substitution, ...] = ()


@dataclass(frozen=True)
class Converted:
    """What an exporter says of one file that it wrote: the entry, and what it replaced."""

    entry: ModelFile
    replacements: tuple[Replacement, ...]


class Exporter(Protocol):
    """Writes one stage in one format, once a precision."""

    def __call__(self, stage: "StageProgram", targets: Mapping[str, Path]) -> list[Converted]:
        """Write the files.

        Args:
            stage: what to convert.
            targets: where each precision goes; the file's folder exists.

        Raises:
            MissingExtraError: the converter is not installed.
        """
        ...


exporters: Registry[Exporter] = Registry("format")


def check_formats(formats: tuple[str, ...]) -> None:
    """Refuse formats that are unknown or whose converter is not installed. Imports none of them.

    Raises:
        InputError: an unknown format, or none at all.
        MissingExtraError: names the extra that installs the converter.
    """
    if not formats:
        raise InputError(f"no format to export: give some of {', '.join(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
        for module in CONVERTERS[name]:
            if not _installed(module):
                raise MissingExtraError(module, name, f"exporting to {name}")


def check_precisions(precisions: tuple[str, ...]) -> None:
    """Refuse precisions that are unknown or not exported.

    Raises:
        InputError: names those there are.
    """
    if not precisions:
        raise InputError(f"no precision to export: give some of {', '.join(EXPORTED_PRECISIONS)}")
    for name in precisions:
        if name not in PRECISIONS:
            raise InputError(f"unknown precision {name!r}; known: {', '.join(EXPORTED_PRECISIONS)}")
        if name not in EXPORTED_PRECISIONS:
            raise InputError(f"precision {name!r} is not exported yet: use {', '.join(EXPORTED_PRECISIONS)}")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def file_path(stage: str, size: str, format: str, precision: str) -> str:
    """Return where a model file lies in a bundle.

    Args:
        stage: "program" or one of the stages, which lie together in `stages/`.
        size: "HEIGHTxWIDTH".
        format: one of `FORMATS`.
        precision: one of `PRECISIONS`.
    """
    folder, name = (format, "photo_to_ldi") if stage == "program" else ("stages", stage)
    return f"{folder}/{name}-{size}.{precision}.{SUFFIXES[format]}"
