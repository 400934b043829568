"""Converting stages: the exporter, then the file run on the golden tensors to measure what was replaced."""

from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

from ..reference.errors import InputError
from ..reference.program import PhotoToLDI
from ..reference.sizes import ProgramSize
from ..runtime.backends.canonical import run_canonical
from ..runtime.backends.loader import open_runner
from ..runtime.recipe import RECIPE_PRECISIONS
from .golden import Planes, golden_photo, stage_tensors
from .operations import with_operations
from .protocol import (
    ExportedFile,
    Exporter,
    check_formats,
    check_precisions,
    exporters,
    offers,
)
from .quantisation import Quantisation
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
    quantisation: Quantisation | None = None,
    pinned: Collection[str] = (),
) -> list[ExportedFile]:
    """Convert one stage to one format in several precisions, and measure each file on the golden tensors.

    Args:
        program: the reference, in evaluation mode, built for `size`.
        stage: "program", "depth", "layering" or "inpainting".
        size: of the program.
        format: "onnx", "coreml" or "tflite".
        targets: the file of each precision.
        golden: the stage's inputs and what the reference makes of them.
        quantisation: needed for int8 and w8.
        pinned: modules that fp16 leaves in single precision, by path in the program (see `fp16_audit`).

    Raises:
        InputError: an unknown stage, format or precision, one that the format or stage does not have, or no
            recipe for it.
        MissingExtraError: the converter is not installed.
    """
    check_targets(targets, format, stage, quantisation)
    convert = exporter_of(format)
    inputs, expected = golden
    written = []
    plain = {p: path for p, path in targets.items() if p not in RECIPE_PRECISIONS}
    if plain:
        written += convert(StageProgram(program, stage, size, pinned), plain)
    for precision in (p for p in RECIPE_PRECISIONS if p in targets):
        assert quantisation is not None
        quantised = quantisation.exported(program, precision, format, size)
        written += convert(StageProgram(quantised, stage, size), {precision: targets[precision]})
    exported = []
    for converted in written:
        slots = None if quantisation is None else quantisation.slots(program, converted.entry, size)
        entry = with_operations(converted.entry, targets[converted.entry.precision], slots)
        runner = open_runner(targets[entry.precision], entry)

        def run(tensors: Mapping[str, np.ndarray], entry=entry, runner=runner) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
            return run_canonical(runner, entry.inputs, entry.outputs, tensors)

        error = measured_error(run, inputs, expected)
        exported.append(ExportedFile(entry, ledger(entry, converted.replacements, error)))
    return exported


def check_targets(
    targets: Mapping[str, Path], format: str, stage: str, quantisation: Quantisation | None
) -> None:
    """Refuse precisions that cannot be written; see `export_stage`."""
    check_formats((format,))
    check_precisions(tuple(targets), (format,))
    for precision in targets:
        if not offers(format, precision, stage):
            raise InputError(f"{stage} holds no network: there is no {precision} file of it")
        if precision in RECIPE_PRECISIONS and quantisation is None:
            raise InputError(f"{precision} needs a quantisation recipe (recipe.json): none was given")


def export_file(
    program: PhotoToLDI,
    stage: str,
    size: ProgramSize,
    format: str,
    precision: str,
    path: Path,
    quantisation: Quantisation | None = None,
) -> ExportedFile:
    """Convert one stage to one file; see `export_stage`, which shares the work between precisions."""
    _, pixels = golden_photo(size)
    photo = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    inputs, outputs = stage_planes(stage, program.layers)
    tensors = stage_tensors(program, photo)[stage]
    golden = ({p.name: tensors[p.name] for p in inputs}, {p.name: tensors[p.name] for p in outputs})
    path.parent.mkdir(parents=True, exist_ok=True)
    return export_stage(program, stage, size, format, {precision: path}, golden, quantisation)[0]
