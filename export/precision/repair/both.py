"""The repairs of `ldikit calibrate --repair`: weights rounded together, then means put back."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ....calibration.calibrate import kept_layers
from ....calibration.network_runs import NetworkRuns
from ....calibration.samples import Sample
from ....reference.config import PipelineConfig
from ....reference.quantized.recipe import Recipe
from .bias import CORRECTED, correct_biases
from .rounding import ROUNDED, round_weights

if TYPE_CHECKING:
    import torch

MOST_SAMPLES = 16
"""Bias correction holds all samples' activations at once."""


def repair(
    config: PipelineConfig, recipe: Recipe, samples: Iterable[Sample]
) -> "tuple[Recipe, dict[str, torch.Tensor]]":
    """Return a recipe of repaired weights, and the weights by "NETWORK.PARAMETER".

    Scales and ranges stay as they are. Biases are corrected for the rounding of weights alone, which is what
    shifts means, so that the same weights are right for `w8`.

    Args:
        config: the recipe's pipeline.
        recipe: without repairs.
        samples: that calibrated; the first `MOST_SAMPLES` are run.

    Raises:
        InputError: there is no sample.
    """
    runs = NetworkRuns(config, kept_layers(recipe))
    photos = [sample.photo for _, sample in zip(range(MOST_SAMPLES), samples, strict=False)]
    rounded = round_weights(runs, recipe, photos)
    only_weights = recipe.weights_only()
    light = NetworkRuns(config, kept_layers(only_weights))
    weights = correct_biases(light, only_weights, photos, rounded)
    return replace(recipe, repairs=(ROUNDED, CORRECTED)), weights
