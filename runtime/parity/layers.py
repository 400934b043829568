"""What rounding one tensor or one weight, alone, costs: which layers quantisation itself fails on."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import fx

from ...reference.program import PhotoToLDI
from ...reference.quantized.points import find_points
from ...reference.quantized.program import load_graph_weights, network_graphs
from ...reference.quantized.qdq import weight_of
from ...reference.quantized.recipe import INT8_MAX, INT8_MIN, ActivationScale, NetworkRecipe
from ...reference.quantized.watching import named_tensors, network_calls
from ..recipe import BundleRecipe
from .scores import decibels
from .tensors import compare_tensors

WORST = 8
"""Layers of each network that are told of."""


@dataclass(frozen=True)
class LayerScore:
    """One tensor or weight of the float network against itself, rounded once.

    Attributes:
        network: "depth" or "inpaint".
        kind: "activation" or "weight".
        name: of the tensor or layer, as in the recipe.
        sqnr_db: of the rounded against the float values, on one photo; of a network that runs once a hidden
            layer, the worst run.
        clipped: share of the values outside the range, 0 to 1; weights are never clipped.
    """

    network: str
    kind: str
    name: str
    sqnr_db: float
    clipped: float

    def __str__(self) -> str:
        clipped = f", {self.clipped:.2%} clipped" if self.clipped else ""
        return f"{self.network} network, {self.kind} {self.name}: {self.sqnr_db:.1f} dB{clipped}"


def score_layers(
    program: PhotoToLDI, recipe: BundleRecipe, precision: str, photo: torch.Tensor
) -> list[LayerScore]:
    """Return the score of every tensor and weight that a recipe rounds, the worst first.

    The networks compute in float: each score is of one rounding and of nothing that went before it. Repaired
    weights have no score: the recipe holds them as they are rounded.

    Args:
        program: the float reference, built for the photo's size.
        recipe: of the bundle.
        precision: "int8" or "w8".
        photo: (1, 3, H, W).
    """
    height, width = photo.shape[-2:]
    graphs = network_graphs(program, height, width)
    scores: dict[tuple[str, str, str], LayerScore] = {}

    def keep(score: LayerScore) -> None:
        key = score.network, score.kind, score.name
        if key not in scores or score.sqnr_db < scores[key].sqnr_db:
            scores[key] = score

    networks = recipe.of(precision).networks
    for stage, graph in graphs.items():
        if recipe.weights is not None:
            load_graph_weights(graph, stage, recipe.weights)
            continue
        for score in _weights(stage, graph, networks[stage]):
            keep(score)
    for stage, inputs in network_calls(program, photo):
        held = networks[stage]
        if not held.activations:
            continue
        points = find_points(graphs[stage], held.float_layers, held.weight_only_layers)
        for name, values in named_tensors(graphs[stage], points.activations, inputs):
            keep(_activation(stage, name, values, held.activations[name]))
    return sorted(scores.values(), key=lambda score: (score.sqnr_db, score.network, score.kind, score.name))


def told(scores: list[LayerScore]) -> list[dict[str, Any]]:
    """Return the worst layers of each network for parity.json, in the order of `scores`."""
    seen: Counter[str] = Counter()
    kept = []
    for score in scores:
        seen[score.network] += 1
        if seen[score.network] <= WORST:
            kept.append(asdict(score))
    return kept


def _activation(stage: str, name: str, values: torch.Tensor, entry: ActivationScale) -> LayerScore:
    steps = (values / entry.scale).round() + entry.zero_point
    kept = steps.clamp(INT8_MIN, INT8_MAX)
    rounded = (kept - entry.zero_point) * entry.scale
    scores = compare_tensors(values.numpy(), rounded.numpy(), max(entry.scale * 255, 1e-30), name)
    clipped = float((steps != kept).float().mean())
    return LayerScore(stage, "activation", name, scores["sqnr_db"], clipped)


def _weights(stage: str, graph: fx.GraphModule, held: NetworkRecipe) -> list[LayerScore]:
    points = find_points(graph, held.float_layers, held.weight_only_layers)
    found = []
    for node in graph.graph.nodes:
        layer = points.weights.get(node.name)
        if layer is None:
            continue
        weight = weight_of(graph, node).double()
        scales = torch.tensor(held.weights[layer], dtype=torch.float64).view(-1, *[1] * (weight.ndim - 1))
        rounded = (weight / scales).round().clamp(held.lowest_weight(layer), INT8_MAX) * scales
        power, noise = float((weight**2).sum()), float(((rounded - weight) ** 2).sum())
        found.append(LayerScore(stage, "weight", layer, decibels(power, noise), 0.0))
    return found
