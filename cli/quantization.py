"""The verbs of int8: calibrate, quantize."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .application import app
from .options import (
    Depth,
    Inpaint,
    Json,
    Output,
    Overwrite,
    RecipePath,
    names_of,
    pipeline_config,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..calibration.coverage import Coverage
    from ..calibration.samples import CalibrationSamples
    from ..reference.quantized.recipe import Recipe

# Tensors that leave their range and are told of.
WORST = 8

RecipeFile = Annotated[Path, typer.Option("-o", "--output", help="The recipe.json to write.")]
Observer = Annotated[
    str, typer.Option(help="How ranges are found: minmax, moving_average, percentile, entropy or mse.")
]
CalibrationPhotos = Annotated[
    Path | None,
    typer.Option("--photos", help="Folder of photos to calibrate on; default: procedural scenes."),
]
HeldOut = Annotated[
    Path | None,
    typer.Option(help="Folder of photos, not calibrated on, to test the ranges with; default: the bundled."),
]
KeepFloat = Annotated[
    str, typer.Option(help="Comma-separated patterns of NETWORK/LAYER that stay float: depth/*depthwise*.")
]
WeightOnly = Annotated[
    str, typer.Option(help="Likewise, of layers of which the weight alone is int8; they compute in float.")
]
Repair = Annotated[
    bool,
    typer.Option(
        "--repair",
        help="Round weights together and correct biases; writes recipe.safetensors beside the recipe.",
    ),
]
Scenes = Annotated[int, typer.Option(min=1, help="How many scenes, where no photos are given.")]


@app.command()
def calibrate(
    output: RecipeFile = Path("recipe.json"),
    photos: CalibrationPhotos = None,
    scenes: Scenes = 32,
    observer: Observer = "minmax",
    keep_float: KeepFloat = "",
    weight_only: WeightOnly = "",
    repair: Repair = False,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    held_out: HeldOut = None,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Find the int8 scales of a pipeline's networks, and test them on photos that were held out."""
    from ..calibration.calibrate import recipe_coverage
    from ..calibration.kept import kept_by_patterns, layers_of
    from ..calibration.samples import bundled_samples, folder_samples
    from ..export.precision.repair.both import repair as repaired
    from ..export.recipes import WEIGHTS, calibrated
    from ..reference.files import check_new
    from ..reference.quantized.weights_file import write_weights
    from ..runtime.console import say

    check_new(output, overwrite)
    if repair:
        check_new(output.with_name(WEIGHTS), overwrite)
    if json is not None:
        check_new(json, overwrite)
    config = pipeline_config(depth, inpaint)
    patterns = [names_of(text) if text else () for text in (keep_float, weight_only)]
    kept = kept_by_patterns(layers_of(config), *patterns) if any(patterns) else None
    samples = _samples(photos, scenes)
    recipe, weights = calibrated(config, samples, observer, kept), None
    if repair:
        recipe, weights = repaired(config, recipe, samples)
    seen = {sample["sha256"] for sample in recipe.data["samples"]}
    tested = bundled_samples(excluding=seen) if held_out is None else folder_samples(held_out, excluding=seen)
    coverage = recipe_coverage(config, recipe, ((sample.name, sample.photo) for sample in tested))
    if weights is not None:
        write_weights(output.with_name(WEIGHTS), weights, recipe, overwrite)
    recipe.write(output, overwrite)
    for line in (*_recipe_lines(recipe, output), *_coverage_lines(coverage)):
        say(line)
    if json is not None:
        write_text(json, dumps(coverage.to_json(), indent=1) + "\n", overwrite)


@app.command()
def quantize(
    photos: Annotated[Path, typer.Option(help="Folder of photos to choose on; they must not verify later.")],
    output: Output = Path("quantized"),
    recipe: RecipePath = None,
    margin: Annotated[
        float, typer.Option(min=0.0, max=0.99, help="Share of what a gate allows to leave unused.")
    ] = 0.1,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    overwrite: Overwrite = False,
) -> None:
    """Search which layers may be int8 and which stay float; exit 1 where no mixture is inside the gates."""
    from ..calibration.samples import folder_samples, scene_samples
    from ..export.quantize import quantize as search
    from ..export.recipes import SCENES, ReadyRecipe, calibrated, ready_recipe
    from ..reference.files import check_new
    from ..runtime.console import say

    check_new(output, overwrite)
    samples, config = folder_samples(photos), pipeline_config(depth, inpaint)
    if recipe is None:
        start = ReadyRecipe(calibrated(config, scene_samples(SCENES)), None, "scenes")
    else:
        start = ready_recipe(config, recipe)
    found = search(config, start, samples, output, margin, overwrite).search
    chosen = found.chosen
    say(
        f"{output}: {len(found.points)} mixtures tried on {len(found.photos)} photos, changed ones "
        f"included; chosen: {chosen.label}"
    )
    say(
        f"{chosen.bytes:,} bytes of weights, {100 * chosen.used:.0f} % of the gates' allowance on the worst "
        f"photo; float: {', '.join(chosen.float_layers) or 'none but what always is'}"
    )
    if not found.passed:
        say("no mixture is inside the gates: this is the one that comes closest")
        raise typer.Exit(1)


def _recipe_lines(recipe: Recipe, path: Path) -> Iterator[str]:
    used, skipped = recipe.data["samples"], recipe.data["skipped"]
    yield f"{path}: {recipe.data['observer']} ranges from {recipe.data['source']}, {len(used)} used"
    if recipe.repairs:
        yield f"repaired: {', '.join(recipe.repairs)}"
    yield from (f"skipped {photo['name']}: {photo['reason']}" for photo in skipped)
    constant = recipe.data["constant_tensors"]
    if constant:
        yield f"the same on every sample, {len(constant)}: {', '.join(constant)}"
    for stage, network in recipe.networks.items():
        yield (
            f"{stage}: {len(network.activations)} tensors and {len(network.weights)} layers in int8, "
            f"{len(network.weight_only_layers)} of them in their weight alone; "
            f"float: {', '.join(network.float_layers) or 'none'}"
        )


def _coverage_lines(coverage: Coverage) -> Iterator[str]:
    outside = [tensor for tensor in coverage.tensors if tensor.photos]
    yield (
        f"on {coverage.photos} photos that did not calibrate, {len(outside)} of "
        f"{len(coverage.tensors)} tensors "
        "leave their range"
    )
    for tensor in outside[:WORST]:
        photo = tensor.photos[0]
        yield (
            f"  {tensor.tensor}: {100 * tensor.outside:.3f} % of all values; most on {photo.photo} "
            f"({100 * photo.outside:.3f} %, {photo.lowest:.3g} to {photo.highest:.3g} "
            f"outside {tensor.low:.3g} to {tensor.high:.3g})"
        )


def _samples(photos: Path | None, scenes: int) -> CalibrationSamples:
    from ..calibration.samples import folder_samples, scene_samples

    return scene_samples(scenes) if photos is None else folder_samples(photos)
