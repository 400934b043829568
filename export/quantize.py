"""`ldikit quantize`: search which layers of a pipeline may be int8, on photos that will not verify."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..calibration.samples import Sample
from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.files import atomic_folder, check_new
from ..reference.pipeline import build_program
from ..reference.quantized.recipe import Recipe
from ..reference.quantized.weights_file import write_weights
from ..runtime.report.beside import SEARCH
from .precision.cases import judged_on
from .precision.search import MARGIN, SearchResult, search_precision
from .precision.workbench import Workbench
from .recipes import RECIPE, WEIGHTS, ReadyRecipe


@dataclass(frozen=True)
class Quantised:
    """What a search found, and the recipe that was written.

    Attributes:
        recipe: of the chosen mixture; the photos that it was chosen on are in its data.
        search: every mixture that was tried.
    """

    recipe: Recipe
    search: SearchResult


def search_recipe(
    config: PipelineConfig, start: ReadyRecipe, samples: Iterable[Sample], margin: float = MARGIN
) -> Quantised:
    """Search the smallest and fastest mixture of int8 and float layers inside the gates.

    Args:
        config: the pipeline.
        start: a recipe with every layer int8 that may be.
        samples: photos to judge on; what verifies must not be among them.
        margin: share of each gate's allowance to leave unused.

    Raises:
        InputError: a photo or the margin cannot be used, or the recipe rounds no activation.
    """
    if not any(network.activations for network in start.recipe.networks.values()):
        raise InputError("the recipe rounds no activation, so there is no int8 layer to search among")
    judged = list(samples)
    bench = Workbench(
        lambda height, width: build_program(config, height, width),
        start.recipe,
        judged_on([(sample.name, sample.photo) for sample in judged]),
        start.weights,
    )
    found = search_precision(bench, margin=margin)
    # Chosen on these photos: they must no more verify it than those that calibrated.
    known = start.recipe.data.get("samples", [])
    seen = {sample["sha256"] for sample in known}
    new = [{"name": s.name, "sha256": s.sha256} for s in judged if s.sha256 not in seen]
    recipe = replace(found.recipe, data={**found.recipe.data, "samples": [*known, *new]})
    return Quantised(recipe, found)


def quantize(
    config: PipelineConfig,
    start: ReadyRecipe,
    samples: Iterable[Sample],
    destination: Path,
    margin: float = MARGIN,
    overwrite: bool = False,
) -> Quantised:
    """Write what `search_recipe` finds: recipe.json, search.json and, where it has repairs, its weights.

    Args:
        config, start, samples, margin: see `search_recipe`.
        destination: the folder.
        overwrite: replace the folder.

    Raises:
        InputError: see `search_recipe`; or the destination cannot be used.
    """
    check_new(destination, overwrite)
    found = search_recipe(config, start, samples, margin)
    with atomic_folder(destination, overwrite) as folder:
        found.recipe.write(folder / RECIPE)
        (folder / SEARCH).write_text(found.search.to_json(), encoding="utf-8")
        if start.weights is not None:
            write_weights(folder / WEIGHTS, start.weights, found.recipe)
    return found
