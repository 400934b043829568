"""What an exporter is: one stage of a program in, model files of one format out."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..reference.errors import InputError, LdikitError, MissingExtraError
from ..reference.registry import Registry
from ..runtime.manifest import FORMATS, PRECISIONS, ModelFile, Substitution
from ..runtime.recipe import RECIPE_PRECISIONS

if TYPE_CHECKING:
    from .stages import StageProgram

# What is exported where nothing is asked for; all of `PRECISIONS` may be.
EXPORTED_PRECISIONS = ("fp32", "fp16")

# They change networks alone: a stage without one (layering) has no file in them.
NETWORK_PRECISIONS = (*RECIPE_PRECISIONS, "p6", "p4")
# Palettes are Core ML's own compression.
_OF_ONE_FORMAT = {"p6": "coreml", "p4": "coreml"}

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


def check_precisions(precisions: tuple[str, ...], formats: tuple[str, ...] = FORMATS) -> None:
    """Refuse precisions that are unknown, or that none of the formats has.

    Raises:
        InputError: names those there are, or the format that has it.
    """
    if not precisions:
        raise InputError(f"no precision to export: give some of {', '.join(PRECISIONS)}")
    for name in precisions:
        if name not in PRECISIONS:
            raise InputError(f"unknown precision {name!r}; known: {', '.join(PRECISIONS)}")
        if not any(offers(format, name) for format in formats):
            raise InputError(
                f"precision {name!r} is offered by {_OF_ONE_FORMAT[name]} alone, not by {', '.join(formats)}"
            )


def offers(format: str, precision: str, stage: str = "program") -> bool:
    """Say whether a stage has a file in a format and precision."""
    if stage == "layering" and precision in NETWORK_PRECISIONS:
        return False
    return _OF_ONE_FORMAT.get(precision, format) == format


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
