"""Converting stages: the exporter, then the file run on the golden tensors to measure what was replaced."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

from ..reference.program import PhotoToLDI
from ..reference.sizes import ProgramSize
from ..runtime.backends.canonical import run_canonical
from ..runtime.backends.loader import open_runner
from .golden import Planes, golden_photo, stage_tensors
from .protocol import (
    ExportedFile,
    Exporter,
    check_formats,
    check_precisions,
    exporters,
)
from .stages import StageProgram, stage_planes
from .substitutions import ledger, measured_error


def exporter_of(format: str) -> Exporter:
    """Return the exporter of a format, importing its module (not its converter).

    Raises:
        InputError: unknown format.
        MissingExtraError: its converter is not installed.
    """
    check_formats((format,))
    import_module(f"{__package__}.{format}_exporter")
    return exporters.get(format)


def export_stage(
    program: PhotoToLDI,
    stage: str,
    size: ProgramSize,
    format: str,
    targets: Mapping[str, Path],
    golden: tuple[Planes, Planes],
) -> list[ExportedFile]:
    """Convert one stage to one format in several precisions, and measure each file on the golden tensors.

    Args:
        program: the reference, in evaluation mode, built for `size`.
        stage: "program", "depth", "layering" or "inpainting".
        size: of the program.
        format: "onnx", "coreml" or "tflite".
        targets: the file of each precision.
        golden: the stage's inputs and what the reference makes of them.

    Raises:
        InputError: an unknown stage, format or precision, or one that is not exported.
        MissingExtraError: the converter is not installed.
    """
    check_precisions(tuple(targets))
    convert = exporter_of(format)
    inputs, expected = golden
    exported = []
    for converted in convert(StageProgram(program, stage, size), targets):
        entry = converted.entry
        runner = open_runner(targets[entry.precision], entry)

        def run(tensors: Mapping[str, np.ndarray], entry=entry, runner=runner) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
            return run_canonical(runner, entry.inputs, entry.outputs, tensors)

        error = measured_error(run, inputs, expected)
        exported.append(ExportedFile(entry, ledger(entry, converted.replacements, error)))
    return exported


def export_file(
    program: PhotoToLDI, stage: str, size: ProgramSize, format: str, precision: str, path: Path
) -> ExportedFile:
    """Convert one stage to one file; see `export_stage`, which shares the work between precisions."""
    _, pixels = golden_photo(size)
    photo = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    inputs, outputs = stage_planes(stage, program.layers)
    tensors = stage_tensors(program, photo)[stage]
    golden = ({p.name: tensors[p.name] for p in inputs}, {p.name: tensors[p.name] for p in outputs})
    path.parent.mkdir(parents=True, exist_ok=True)
    return export_stage(program, stage, size, format, {precision: path}, golden)[0]
