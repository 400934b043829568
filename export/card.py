"""README.md of a bundle: model card and integration notes, with this bundle's own names and figures."""

import math
from importlib import resources
from pathlib import Path
from typing import Any

from ..reference.sizes import parse_size
from ..runtime.backends.onnxruntime_backend import LINEAR_IN_FLOAT
from ..runtime.manifest import PRECISIONS, Manifest, ModelFile, Substitution
from ..runtime.recipe import RECIPE_PRECISIONS
from .golden import folder_name, golden_photo

TEMPLATE = "bundle_readme.md.jinja"
CARD = "README.md"

MEANING = {
    "fp32": "single precision, the reference itself",
    "fp16": "the inpainting network in half precision, depth and geometry in single",
    "int8": (
        "networks computed in int8 at the scales of `recipe.json`, the same in every format; "
        "each network's last layers and the geometry in single precision"
    ),
    "w8": "weights of the networks in int8 at the scales of `recipe.json`, computed in floats",
    "p6": "weights of the networks of a palette of 64 values a layer, computed in floats",
    "p4": "weights of the networks of a palette of 16 values a layer, computed in floats",
}


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write the bundle's README.md.

    Args:
        folder: of the bundle.
        manifest: complete.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    template = environment.from_string(resources.files(__package__).joinpath(TEMPLATE).read_text("utf-8"))
    text = template.render(
        manifest=manifest,
        config=manifest.pipeline,
        title=" + ".join(
            dict.fromkeys(Path(name).stem for name in (manifest.pipeline.depth, manifest.pipeline.inpaint))
        ),
        formats=list(dict.fromkeys(entry.format for entry in manifest.files)),
        examples={entry.format: entry for entry in reversed(manifest.files) if entry.stage == "program"},
        precisions=[p for p in PRECISIONS if any(entry.precision == p for entry in manifest.files)],
        meaning=MEANING,
        not_int8=[entry for entry in manifest.files if entry.not_int8],
        linear_layers=LINEAR_IN_FLOAT if any(map(_has_linear_layers, manifest.files)) else None,
        stages=any(entry.stage != "program" for entry in manifest.files),
        golden=[_golden(size) for size in manifest.sizes],
        errors=_errors(manifest.substitutions),
        megabytes=_megabytes,
        shape=_shape,
    )
    (folder / CARD).write_text(text, encoding="utf-8")


def _has_linear_layers(entry: ModelFile) -> bool:
    """Say whether onnxruntime runs linear layers with int8 weights of a file."""
    of_recipe = entry.format == "onnx" and entry.precision in RECIPE_PRECISIONS
    return of_recipe and any(kind.startswith(("MatMul", "Gemm")) for kind in entry.operations)


def _golden(size: str) -> dict[str, str]:
    """Return where a size's golden vectors lie, and which of the bundled photos they show."""
    shape = parse_size(size)
    name, _ = golden_photo(shape)
    return {"folder": folder_name(shape), "photo": name, "size": size}


def _errors(substitutions: tuple[Substitution, ...]) -> list[dict[str, Any]]:
    """Return, for every format and precision, what was replaced and the largest error of its files."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in substitutions:
        group = groups.setdefault(
            (entry.format, entry.precision),
            {"format": entry.format, "precision": entry.precision, "error": 0.0, "entries": {}},
        )
        group["error"] = max(group["error"], entry.max_abs_error)
        group["entries"][(entry.operation, entry.replacement)] = entry
    for group in groups.values():
        group["entries"] = list(group["entries"].values())
        group["error"] = f"{group['error']:.2g}" if math.isfinite(group["error"]) else "not finite"
    return list(groups.values())


def _megabytes(entry: ModelFile) -> str:
    return f"{entry.bytes / 1e6:.1f}"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
