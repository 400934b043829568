"""Writing a bundle: models, golden vectors, manifest and model card, complete or not at all (DESIGN §4)."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.files import atomic_folder, check_new
from ..reference.progress import track
from ..reference.quantized.recipe import Recipe
from ..reference.sizes import LANDSCAPE, PORTRAIT, ProgramSize, parse_size
from ..runtime.manifest import (
    FORMATS,
    PRECISIONS,
    STAGES,
    WEIGHTS,
    GoldenFile,
    Manifest,
    ModelFile,
    Substitution,
    digest,
)
from ..runtime.recipe import RECIPE_PRECISIONS, kept_by
from .card import write_card
from .protocol import (
    EXPORTED_PRECISIONS,
    ExportedFile,
    check_formats,
    check_precisions,
    offers,
)
from .quantisation import Quantisation
from .versions import tool_versions
from .worker import Task
from .workers import convert_all

if TYPE_CHECKING:
    import torch

MANIFEST = "manifest.json"

# The formats that take longest to convert come first, so that none is left running alone at the end.
_SLOWEST_FIRST = ("tflite", "coreml", "onnx")


def export_bundle(
    config: PipelineConfig,
    destination: Path,
    formats: Sequence[str] = FORMATS,
    precisions: Sequence[str] = EXPORTED_PRECISIONS,
    sizes: Sequence[ProgramSize | str] | None = None,
    stages: bool = False,
    overwrite: bool = False,
    on_folder: Callable[[Path], None] | None = None,
    recipe: Recipe | None = None,
    recipe_weights: Mapping[str, "torch.Tensor"] | None = None,
) -> Path:
    """Export a pipeline as a bundle.

    Args:
        config: the pipeline.
        destination: the bundle's folder, which appears when it is complete.
        formats: "onnx", "coreml", "tflite".
        precisions: of `PRECISIONS`; one that only some of the formats have is written in those.
        sizes: of the program; None for both orientations of the phone's default.
        stages: also export depth, layering and inpainting, each on its own, under `stages/`.
        overwrite: replace what is at `destination`, once the new bundle is complete.
        on_folder: called with the complete folder before it takes its place; what it writes there is part of
            the bundle, and an error that it raises leaves nothing.
        recipe: of the quantised networks, needed for int8 and w8; written into the bundle for them.
        recipe_weights: the weights that the recipe's repairs changed, by "NETWORK.PARAMETER".

    Returns:
        `destination`.

    Raises:
        InputError: an unknown or unavailable format, precision, size or network, no recipe for int8 or w8, or
            a destination that exists or cannot be written.
        MissingExtraError: a converter is not installed (exit code 3).
        ExportFailedError: a converter cannot convert the program.
    """
    formats = tuple(dict.fromkeys(formats))
    precisions = tuple(dict.fromkeys(precisions))
    check_formats(formats)
    check_precisions(precisions, formats)
    quantisation = _quantisation(precisions, recipe, recipe_weights)
    chosen = _sizes(sizes)
    destination = Path(destination)
    check_new(destination, overwrite)
    wanted = STAGES if stages else STAGES[:1]
    with atomic_folder(destination, overwrite) as folder:
        weights, golden = _write_golden(folder, config, chosen, wanted)
        if quantisation is not None:
            quantisation.write(folder)
        pinned = _pinned(folder, config, chosen[0]) if "fp16" in precisions else ()
        tasks = [
            Task(config, str(size), name, own, wanted, str(folder), pinned)
            for name in sorted(formats, key=_SLOWEST_FIRST.index)
            for size in chosen
            if (own := tuple(p for p in precisions if offers(name, p)))
        ]
        exported: list[ExportedFile] = []
        for files in track(convert_all(tasks), "converting", total=len(tasks)):
            exported += files
        manifest = Manifest(
            pipeline=_with_weights(folder, config),
            weights=weights,
            files=tuple(sorted((_sealed(folder, file.entry) for file in exported), key=_order)),
            golden=golden,
            sizes=tuple(str(size) for size in chosen),
            preprocessing=PREPROCESSING,
            recipe_hash=None if quantisation is None else quantisation.recipe.hash,
            kept=() if quantisation is None else kept_by(quantisation.recipe),
            substitutions=merged([s for file in exported for s in file.substitutions]),
            versions=tool_versions(formats),
        )
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        write_card(folder, manifest)
        if on_folder is not None:
            on_folder(folder)
    return destination


PREPROCESSING: dict[str, Any] = {
    "orientation": "upright: the EXIF orientation applied",
    "size": (
        "choose the file by orientation (taller than wide: the portrait size), then stretch the photo to "
        "that size, antialiased (Lanczos here; any good scaler is close)"
    ),
    "color": "sRGB, red green blue, 8 bits",
    "normalisation": "inside the graph",
    "onnx": "float32 NCHW, value / 255",
    "tflite": "float32 NHWC, value / 255",
    "coreml": "image input, RGB, values 0 to 255",
}


def merged(substitutions: Sequence[Substitution]) -> tuple[Substitution, ...]:
    """Return a ledger that names once what several stages replaced, with the largest of their errors."""
    found: dict[tuple[str, ...], Substitution] = {}
    for entry in substitutions:
        key = (entry.format, entry.precision, entry.size, entry.operation, entry.replacement)
        if key not in found or entry.max_abs_error > found[key].max_abs_error:
            found[key] = entry
    return tuple(found[key] for key in sorted(found))


def _quantisation(
    precisions: Sequence[str], recipe: Recipe | None, weights: Mapping[str, "torch.Tensor"] | None
) -> Quantisation | None:
    """Return the recipe where a precision needs one."""
    asked = [p for p in precisions if p in RECIPE_PRECISIONS]
    if not asked:
        return None
    if recipe is None:
        raise InputError(f"{' and '.join(asked)} need a quantisation recipe (recipe.json): none was given")
    return Quantisation(recipe, weights)


def _pinned(folder: Path, config: PipelineConfig, size: ProgramSize) -> tuple[str, ...]:
    """Return the modules that fp16 leaves in single precision, by the audit that is written to audit.json."""
    from ..runtime.report.beside import AUDIT
    from .fp16_audit import audit_pipeline, pinned_operations

    audit = audit_pipeline(config, size)
    text = json.dumps(audit.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / AUDIT).write_text(text + "\n", encoding="utf-8")
    return tuple(sorted(pinned_operations(audit)))


def _sizes(sizes: Sequence[ProgramSize | str] | None) -> tuple[ProgramSize, ...]:
    if sizes is None:
        return (LANDSCAPE, PORTRAIT)
    chosen = dict.fromkeys(size if isinstance(size, ProgramSize) else parse_size(size) for size in sizes)
    if not chosen:
        raise InputError(f"no size to export: give one such as {LANDSCAPE}")
    return tuple(chosen)


def _write_golden(
    folder: Path, config: PipelineConfig, sizes: Sequence[ProgramSize], stages: Sequence[str]
) -> tuple[dict[str, str], tuple[GoldenFile, ...]]:
    """Write the golden vectors of every size; return the digests of the weights and of the files."""
    from ..reference.pipeline import build_program
    from ..runtime.parity.weights import loaded_weights
    from .golden import write_golden

    files = []
    weights: dict[str, str] = {}
    for size in track(sizes, "writing golden vectors", total=len(sizes)):
        program = build_program(config, size.height, size.width)
        weights = loaded_weights(program)
        for path in write_golden(folder, program, size, stages):
            files.append(GoldenFile(path, *digest(folder / path)))
    return weights, tuple(files)


def _with_weights(folder: Path, config: PipelineConfig) -> PipelineConfig:
    """Copy weights that were given by path into the bundle; return the pipeline that names the copies.

    Without them whoever has the bundle could not build the reference that it is verified with.
    """
    from ..reference.networks import weight_files

    names = {}
    for stage in ("depth", "inpaint"):
        files = weight_files(stage, getattr(config, stage))
        if not files:
            continue
        place = PurePosixPath(WEIGHTS, stage)
        (folder / place).mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, folder / place / file.name)
        names[stage] = str(place / files[0].name if len(files) == 1 else place)
    return replace(config, **names)  # type: ignore[arg-type]


def _sealed(folder: Path, entry: ModelFile) -> ModelFile:
    """Return an entry with the digest of its file."""
    sha256, size = digest(folder / entry.path)
    return replace(entry, sha256=sha256, bytes=size)


def _order(entry: ModelFile) -> tuple[int, int, str, int]:
    """Order a manifest: stage, format, size, precision."""
    return (
        STAGES.index(entry.stage),
        FORMATS.index(entry.format),
        entry.size,
        PRECISIONS.index(entry.precision),
    )
