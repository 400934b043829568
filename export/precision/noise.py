"""Which layers int8 disturbs most, from the recipe and the weights alone: no photo is run."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import fx

from ...reference.quantized.points import find_points
from ...reference.quantized.qdq import weight_of
from ...reference.quantized.recipe import ActivationScale, NetworkRecipe
from .fake import round_weight


@dataclass(frozen=True)
class LayerNoise:
    """Noise that int8 brings into a layer's result, as variances of one value of it.

    A rounding error is taken as uniform over its step, of variance scale²/12, and as independent of all
    others; an input as uniform over the range of its recipe.

    Attributes:
        layer: its name.
        weight_sqnr_db: 10·log₁₀(Σw² / Σ(ŵ−w)²) of the weights at the recipe's scales.
        from_input: scale²/12 of the input, times Σw² of an output channel, mean over the channels.
        from_weight: Σ(ŵ−w)² of an output channel, mean over the channels, times the input's mean square
            (low² + low·high + high²)/3; of the input's distinct values alone: where a layer sums equal
            signs, the error can be larger.
        from_output: scale²/12 of the result's own rounding; 0 where it is not rounded.
        relative_db: 10·log₁₀ of the sum of the three over the square of the width of the result's range:
            what layers are ranked by. −inf without activations.
    """

    layer: str
    weight_sqnr_db: float
    from_input: float
    from_weight: float
    from_output: float
    relative_db: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def rank_by_noise(graph: fx.GraphModule, recipe: NetworkRecipe) -> tuple[LayerNoise, ...]:
    """Return the noise of every int8 layer of a network, the most disturbed first.

    Args:
        graph: from `trace`.
        recipe: of the network, with activations.
    """
    points = find_points(graph, recipe.float_layers, recipe.weight_only_layers)
    scales = {node: recipe.activations[name] for node, name in points.activations.items()}
    found = [
        _noise(points.layers[node.name], node, weight_of(graph, node), recipe, scales)
        for node in graph.graph.nodes
        if node.name in points.layers
    ]
    return tuple(sorted(found, key=lambda noise: -noise.relative_db))


def _noise(
    layer: str,
    node: fx.Node,
    weight: torch.Tensor,
    recipe: NetworkRecipe,
    scales: dict[str, ActivationScale],
) -> LayerNoise:
    given = scales[node.all_input_nodes[0].name]
    # A fused convolution is rounded after its activation, its only user.
    result = scales.get(node.name) or scales[next(iter(node.users)).name]
    plain = weight.double().flatten(1)
    error = (
        round_weight(weight, recipe.weights[layer], recipe.lowest_weight(layer)).double().flatten(1) - plain
    )
    power = (given.low**2 + given.low * given.high + given.high**2) / 3
    from_input = given.scale**2 / 12 * float(plain.square().sum(1).mean())
    from_weight = power * float(error.square().sum(1).mean())
    from_output = result.scale**2 / 12
    width = max(result.high, 0.0) - min(result.low, 0.0)
    return LayerNoise(
        layer,
        _decibels(float(plain.square().sum()), float(error.square().sum())),
        from_input,
        from_weight,
        from_output,
        _decibels(from_input + from_weight + from_output, width**2),
    )


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
