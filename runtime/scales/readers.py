"""Reading scales and precisions out of a file of any format; its library is imported when it is needed."""

from importlib import import_module
from pathlib import Path
from typing import Any

from .found import FoundScales, OperationPrecision
from .slots import Slots

# Each module has `read_scales(path, slots)` and `read_operations(path, slots)`.
_MODULES = {"onnx": "onnx_file", "coreml": "coreml_package", "tflite": "tflite_file"}


def read_scales(format: str, path: Path, slots: Slots) -> FoundScales:
    """Return every scale and zero point of a quantised file, under the recipe's names.

    Args:
        format: "onnx", "coreml" or "tflite".
        path: of the file.
        slots: what it must hold (`expected_slots`).

    Raises:
        InputError: it cannot be read, or holds more or fewer numbers than it must.
        MissingExtraError: the library that reads the format is not installed.
    """
    found: FoundScales = _module(format).read_scales(path, slots)
    return found


def read_operations(format: str, path: Path, slots: Slots | None) -> list[OperationPrecision]:
    """Return the precision of every operation of a file that computes on floats, or on int8 for floats.

    Args:
        format: "onnx", "coreml" or "tflite".
        path: of the file.
        slots: what of it was to be int8 (`expected_slots`); None for a float file.

    Raises:
        InputError, MissingExtraError: see `read_scales`.
    """
    found: list[OperationPrecision] = _module(format).read_operations(path, slots)
    return found


def _module(format: str) -> Any:
    return import_module(f".{_MODULES[format]}", __package__)
