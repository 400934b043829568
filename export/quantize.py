"""`ldikit quantize`: search which layers of a pipeline may be int8, on photos that will not verify."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..calibration.samples import CalibrationSamples
from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.files import atomic_folder, check_new
from ..reference.pipeline import build_program
from ..reference.quantized.recipe import Recipe
from ..reference.quantized.weights_file import write_weights
from .precision.search import MARGIN, SearchResult, search_precision
from .precision.workbench import Workbench
from .recipes import RECIPE, WEIGHTS, ReadyRecipe

SEARCH = "search.json"


@dataclass(frozen=True)
class Quantised:
    """What a search found, and the recipe that was written.

    Attributes:
        recipe: of the chosen mixture; the photos that it was chosen on are in its data.
        search: every mixture that was tried.
    """

    recipe: Recipe
    search: SearchResult


def quantize(
    config: PipelineConfig,
    start: ReadyRecipe,
    samples: CalibrationSamples,
    destination: Path,
    margin: float = MARGIN,
    overwrite: bool = False,
) -> Quantised:
    """Search the smallest and fastest mixture of int8 and float layers inside the gates, and write it.

    Args:
        config: the pipeline.
        start: a recipe with every layer int8 that may be.
        samples: photos to judge on; what verifies must not be among them.
        destination: folder of recipe.json, search.json and, where the recipe has repairs, its weights.
        margin: share of each gate's allowance to leave unused.
        overwrite: replace the folder.

    Raises:
        InputError: a photo, the margin or the destination cannot be used, or the recipe rounds no activation.
    """
    check_new(destination, overwrite)
    if not any(network.activations for network in start.recipe.networks.values()):
        raise InputError("the recipe rounds no activation, so there is no int8 layer to search among")
    bench = Workbench(
        lambda height, width: build_program(config, height, width),
        start.recipe,
        ((sample.name, sample.photo) for sample in samples),
        start.weights,
    )
    found = search_precision(bench, margin=margin)
    # Chosen on these photos: they must no more verify it than those that calibrated.
    used = [*start.recipe.data.get("samples", []), *samples.data.to_json()["samples"]]
    recipe = replace(found.recipe, data={**found.recipe.data, "samples": used})
    with atomic_folder(destination, overwrite) as folder:
        recipe.write(folder / RECIPE)
        (folder / SEARCH).write_text(found.to_json(), encoding="utf-8")
        if start.weights is not None:
            write_weights(folder / WEIGHTS, start.weights, recipe)
    return Quantised(recipe, found)
