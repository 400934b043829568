"""Where the recipe of a build comes from: the user's file, the package, or a calibration made now."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..calibration.calibrate import DEFAULT_OBSERVER, calibrate, kept_layers
from ..calibration.kept import depth_arithmetic
from ..calibration.network_runs import KeptLayers, NetworkRuns
from ..calibration.samples import CalibrationSamples, scene_samples
from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.pipeline import build_program
from ..reference.quantized.qdq import check_fits
from ..reference.quantized.recipe import Recipe
from ..reference.quantized.weights_file import read_weights
from ..reference.sizes import LANDSCAPE
from ..reference.weights.store import embedded_path
from ..runtime.parity.weights import loaded_weights
from .protocol import EXPORTED_PRECISIONS, RECIPE_PRECISIONS

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

RECIPE, WEIGHTS = "recipe.json", "recipe.safetensors"

# Scenes that a calibration without photos runs on; twice as many change no range by more than a few percent.
SCENES = 32

_EMBEDDED = ("pocket_int8.json", "pocket_int8.safetensors")


@dataclass(frozen=True)
class ReadyRecipe:
    """A recipe that fits the networks that are here.

    Attributes:
        recipe: every scale and zero point.
        weights: that its repairs changed, by "NETWORK.PARAMETER"; None without repairs.
        origin: where it came from, for people.
    """

    recipe: Recipe
    weights: "Mapping[str, torch.Tensor] | None"
    origin: str


def ready_recipe(config: PipelineConfig, path: Path | None = None) -> ReadyRecipe:
    """Return the recipe for a pipeline: the file's, else the package's, else one calibrated on scenes now.

    See `calibrated_by_default` for the last.

    Args:
        config: the pipeline.
        path: a recipe.json, or the folder that holds one.

    Raises:
        InputError: the file cannot be used, or is of other networks.
    """
    here = current_weights(config)
    if path is not None:
        path = path / RECIPE if path.is_dir() else path
        ready = _opened(path, path.with_name(WEIGHTS), here, str(path))
        _check_names(config, ready.recipe, path)
        return ready
    if _has_embedded(here):
        own = "the recipe that comes with the pocket networks"
        return _opened(embedded_path(_EMBEDDED[0]), embedded_path(_EMBEDDED[1]), here, own)
    return calibrated_by_default(config, scene_samples(SCENES))


def default_precisions(config: PipelineConfig, given: bool) -> tuple[str, ...]:
    """Return the precisions of a build that names none: int8 too where its recipe is at hand.

    Other networks are not calibrated unasked: what int8 costs them is for their users to judge.

    Args:
        config: the pipeline.
        given: whether the build is given a recipe, or photos to calibrate on.
    """
    ready = given or _has_embedded(current_weights(config))
    return (*EXPORTED_PRECISIONS, "int8") if ready else EXPORTED_PRECISIONS


def recipe_for(
    config: PipelineConfig, precisions: Sequence[str], path: Path | None = None
) -> ReadyRecipe | None:
    """Return the recipe where one of the precisions needs it, see `ready_recipe`; else None.

    Raises:
        InputError: a recipe is given that none of the precisions needs.
    """
    if any(precision in RECIPE_PRECISIONS for precision in precisions):
        ready = ready_recipe(config, path)
        logger.info("int8 by %s", ready.origin)
        return ready
    if path is not None:
        raise InputError(
            f"a recipe is for {' and '.join(RECIPE_PRECISIONS)}, not for {', '.join(precisions)}: "
            "ask for one of them with --precision, or leave --recipe out"
        )
    return None


def calibrated_by_default(config: PipelineConfig, samples: CalibrationSamples) -> ReadyRecipe:
    """Return the recipe of a build that is given none: of the depth network the weights alone are int8.

    Depth that is int8 throughout is as accurate but tears elsewhere, and has failed the gates with every
    network measured. Who wants it makes its recipe by `calibrated` (`ldikit calibrate`).
    """
    recipe = calibrated(config, samples, kept=depth_arithmetic(config))
    origin = f"calibrated on {recipe.data['source']}; of the depth network the weights alone are int8"
    return ReadyRecipe(recipe, None, origin)


def calibrated(
    config: PipelineConfig,
    samples: CalibrationSamples,
    observer: str = DEFAULT_OBSERVER,
    kept: Mapping[str, KeptLayers] | None = None,
) -> Recipe:
    """Return the recipe that samples give; see `calibrate`."""
    return calibrate(config, samples, observer, kept, current_weights(config))


def current_weights(config: PipelineConfig) -> dict[str, str]:
    """Return the sha256 of a pipeline's float networks, by "depth" and "inpaint"."""
    return loaded_weights(build_program(config, LANDSCAPE.height, LANDSCAPE.width))


def _has_embedded(here: Mapping[str, str]) -> bool:
    """Say whether the package has a recipe of networks with these digests."""
    embedded = embedded_path(_EMBEDDED[0])
    return embedded.is_file() and Recipe.read(embedded).weights == here


def _check_names(config: PipelineConfig, recipe: Recipe, path: Path) -> None:
    """Refuse a recipe that lacks a tensor or layer now, rather than after the first conversion."""
    networks = NetworkRuns(config, kept_layers(recipe)).networks(LANDSCAPE.height, LANDSCAPE.width)
    for stage, tracked in networks.items():
        try:
            check_fits(tracked.points, recipe.network(stage), tracked.graph)
        except InputError as error:
            raise InputError(f"{path}: {stage} network: {error}") from error


def _opened(path: Path, weights: Path, here: Mapping[str, str], origin: str) -> ReadyRecipe:
    recipe = Recipe.read(path)
    other = [name for name, digest in here.items() if recipe.weights.get(name) != digest]
    if other:
        raise InputError(
            f"{path} is the recipe of another pipeline ({recipe.pipeline}): the weights of the "
            f"{' and '.join(other)} network here are others; calibrate again with ldikit calibrate"
        )
    return ReadyRecipe(recipe, read_weights(weights, recipe) if recipe.repairs else None, origin)
