"""`lint`: how ready every file of a bundle is for a phone's accelerators."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...reference.errors import BackendUnavailableError, MissingExtraError
from ...reference.progress import track
from ..bundle import Bundle
from .coreml_package import lint_coreml
from .onnx_file import lint_onnx
from .readiness import Readiness
from .rules import TARGETS
from .tflite_file import lint_tflite

SCHEMA_VERSION = 1

_OF_FORMAT: dict[str, Callable[[Path, str], list[Readiness]]] = {
    "tflite": lint_tflite,
    "onnx": lint_onnx,
    "coreml": lint_coreml,
}


@dataclass(frozen=True)
class LintReport:
    """What was found.

    Attributes:
        found: one a file and accelerator.
        missing: by file, why it could not be judged.
    """

    found: tuple[Readiness, ...]
    missing: dict[str, str]

    @property
    def exit_code(self) -> int:
        """0 every file was judged; 3 a library that it takes is missing. Findings are no failure."""
        return 3 if self.missing else 0

    def to_json(self) -> str:
        """Return the text of a JSON file."""
        data: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "files": [readiness.to_json() for readiness in self.found],
            "not_judged": self.missing,
        }
        return json.dumps(data, indent=1) + "\n"


def lint(bundle: Bundle) -> LintReport:
    """Judge every program file of a bundle's first size, on every accelerator that its format can run on.

    The other sizes hold the same operations.

    Raises:
        InputError: a file is missing, is not the manifest's, or cannot be read.
    """
    entries = bundle.files("program", formats=TARGETS, size=bundle.manifest.sizes[0])
    found: list[Readiness] = []
    missing = {}
    for entry in track(entries, "Linting", total=len(entries)):
        path = bundle.path(entry)
        try:
            found += _OF_FORMAT[entry.format](path, entry.path)
        except (MissingExtraError, BackendUnavailableError) as error:
            missing[entry.path] = str(error)
    return LintReport(tuple(found), missing)
