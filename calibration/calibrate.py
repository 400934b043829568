"""Calibration: the float networks run once on every sample, observers turn what they see into a recipe."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.progress import track
from ..reference.quantized.affine import affine_parameters, symmetric_scales
from ..reference.quantized.limits import GIVEN_BY, given_ranges
from ..reference.quantized.qdq import weight_of
from ..reference.quantized.recipe import ActivationScale, NetworkRecipe, Recipe
from .coverage import Coverage, measure_coverage
from .network_runs import KeptLayers, NetworkRuns, Tracked
from .observers import observers
from .observers.protocol import Observer, Range
from .samples import CalibrationSamples

logger = logging.getLogger(__name__)

DEFAULT_OBSERVER = "minmax"

GUARD = 16
"""A clamp this many times as wide as what was seen guards against overflow (MI-GAN's ±256)."""


def calibrate(
    config: PipelineConfig,
    samples: CalibrationSamples,
    observer: str = DEFAULT_OBSERVER,
    kept: Mapping[str, KeptLayers] | None = None,
    weights_sha256: Mapping[str, str] | None = None,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> Recipe:
    """Return the recipe of a pipeline.

    Args:
        config: the pipeline.
        samples: what to run on.
        observer: name of the observer of activations whose range the network does not give itself (see
            `given_ranges`, `GUARD`); weights are always per channel, symmetric, by their largest magnitude.
        kept: by network: layers that are not, or not wholly, int8.
        weights_sha256: of the float networks, for the recipe.
        weights: repaired weights to observe the networks with, by "NETWORK.PARAMETER".

    Raises:
        InputError: an unknown observer, no usable sample, fewer of them than the observer needs, or a value
            that is not finite (names the tensor and the photo).
    """
    make = observers.get(observer)
    runs = NetworkRuns(config, kept, weights)
    seen: dict[str, dict[str, Observer]] = {}
    sizes: set[tuple[int, int]] = set()
    for sample in track(samples, "calibrating", total=len(samples)):
        height, width = (int(n) for n in sample.photo.shape[-2:])
        sizes.add((height, width))
        networks = runs.networks(height, width)
        for stage, tensor, values in runs.tensors(sample.photo):
            leader = networks[stage].points.groups[tensor]
            try:
                seen.setdefault(stage, {}).setdefault(leader, make()).observe(values)
            except InputError as error:
                raise InputError(
                    f"tensor {tensor!r} of the {stage} network on {sample.name}: {error}"
                ) from error
    for skipped in samples.data.skipped:
        logger.warning("calibration left out %s: %s", skipped.name, skipped.reason)
    constant: list[str] = []
    recipes = {
        stage: _network_recipe(stage, tracked, seen.get(stage, {}), observer, constant, runs.kept.get(stage))
        for stage, tracked in runs.networks(*min(sizes)).items()
    }
    data: dict[str, Any] = {**samples.data.to_json(), "observer": observer, "constant_tensors": constant}
    if constant:
        logger.warning("%d tensors never changed on the samples: %s", len(constant), ", ".join(constant[:5]))
    return Recipe(config.name, dict(weights_sha256 or {}), recipes, data)


def _network_recipe(
    stage: str,
    tracked: Tracked,
    seen: Mapping[str, Observer],
    observer: str,
    constant: list[str],
    kept: KeptLayers | None,
) -> NetworkRecipe:
    points = tracked.points
    given = {
        leader: bounds
        for leader, bounds in given_ranges(tracked.graph, points).items()
        if not _guards(bounds, seen.get(leader))
    }
    ranges: dict[str, Range] = {}
    for leader in dict.fromkeys(points.groups.values()):
        if leader in given:
            ranges[leader] = Range(*given[leader])
            continue
        try:
            ranges[leader] = seen[leader].range()
        except InputError as error:
            raise InputError(f"tensor {leader!r} of the {stage} network: {error}") from error
        if ranges[leader].low == ranges[leader].high:
            constant.append(f"{stage}/{leader}")
    activations = {
        name: _activation(ranges[leader], GIVEN_BY if leader in given else observer)
        for name, leader in ((name, points.groups[name]) for name in points.activations.values())
    }
    light = {} if kept is None else dict(kept.weight_only)
    return NetworkRecipe(activations, weight_scales(tracked), dict(points.float_layers), light)


def _guards(bounds: tuple[float, float], seen: Observer | None) -> bool:
    """Say whether a clamp is far outside of what an observer saw."""
    try:
        found = None if seen is None else seen.range()
    except InputError:  # too few photos for this observer; what the network gives needs none
        found = None
    return found is not None and (found.high - found.low) * GUARD < bounds[1] - bounds[0]


def _activation(range: Range, observer: str) -> ActivationScale:
    scale, zero_point = affine_parameters(range.low, range.high)
    return ActivationScale(scale, zero_point, range.low, range.high, observer)


def weight_scales(tracked: Tracked) -> dict[str, tuple[float, ...]]:
    """Return the scale of every output channel of every layer whose weight is int8."""
    return {
        tracked.points.weights[node.name]: tuple(symmetric_scales(weight_of(tracked.graph, node)).tolist())
        for node in tracked.graph.graph.nodes
        if node.name in tracked.points.weights
    }


def kept_layers(recipe: Recipe) -> dict[str, KeptLayers]:
    """Return which layers a recipe leaves float, wholly or but for their weight."""
    return {
        stage: KeptLayers(network.float_layers, network.weight_only_layers)
        for stage, network in recipe.networks.items()
    }


def recipe_coverage(
    config: PipelineConfig, recipe: Recipe, photos: Iterable[tuple[str, torch.Tensor]]
) -> Coverage:
    """Return how much of what photos outside calibration give falls outside the recipe's ranges.

    Args:
        config: the recipe's pipeline.
        recipe: with activations.
        photos: name and tensor (1, 3, H, W) of each.
    """
    runs = NetworkRuns(config, kept_layers(recipe))
    ranges = {
        f"{stage}/{name}": (entry.low, entry.high)
        for stage, network in recipe.networks.items()
        for name, entry in network.activations.items()
    }

    def run(photo: torch.Tensor) -> Iterable[tuple[str, torch.Tensor]]:
        return ((f"{stage}/{name}", values) for stage, name, values in runs.tensors(photo))

    return measure_coverage(ranges, photos, run)
