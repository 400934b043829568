"""What a layer costs: bytes in the file, and multiply-accumulates weighted by how fast a phone does them."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import fx

from ...reference.quantized.qdq import weight_of
from ...reference.quantized.recipe import NetworkRecipe
from ...reference.quantized.trace import CONVOLUTIONS, layer_of

FLOAT_BYTES = 4

FLOAT_MAC = 4.0
"""Of a float32 multiply-accumulate, where an int8 one costs 1: a 128-bit Arm unit does 16 of int8 in one SDOT
(Armv8.2 dot product) and 4 of float32 in one FMLA. Measure your phone's own ratio and give that instead."""


@dataclass(frozen=True)
class LayerCost:
    """Of one layer.

    Attributes:
        weights: how many values its weight has.
        channels: of its output: each has a bias, and in int8 a scale.
        macs: multiply-accumulates in one photo, over all runs of its network.
    """

    weights: int
    channels: int
    macs: int

    def bytes(self, is_float: bool) -> int:
        """Return what it takes in a file."""
        return self.weights * (FLOAT_BYTES if is_float else 1) + self.channels * FLOAT_BYTES * (2 - is_float)

    def time(self, is_float: bool, float_mac: float = FLOAT_MAC) -> float:
        """Return its cost in int8 multiply-accumulates."""
        return self.macs * (float_mac if is_float else 1.0)


@dataclass(frozen=True)
class Cost:
    """Of all convolutions and linear layers together.

    Attributes:
        bytes: of weights, biases and scales.
        macs: int8 multiply-accumulates that take the same time.
    """

    bytes: int
    macs: float


def layer_costs(graph: fx.GraphModule, runs: int = 1) -> dict[str, LayerCost]:
    """Return the cost of every layer of a network.

    Args:
        graph: from `trace`.
        runs: how often the program runs it on a photo (inpainting: once a hidden layer).
    """
    costs: dict[str, LayerCost] = {}
    for node in graph.graph.nodes:
        if node.target not in CONVOLUTIONS:
            continue
        weight = weight_of(graph, node)
        macs = runs * node.meta["val"].numel() * weight[0].numel()
        before = costs.get(layer_of(node))
        # A layer that the network uses twice has one set of weights.
        costs[layer_of(node)] = LayerCost(
            weight.numel(), weight.shape[0], macs + (before.macs if before else 0)
        )
    return costs


def total_cost(
    costs: Mapping[str, LayerCost], networks: Mapping[str, NetworkRecipe], float_mac: float = FLOAT_MAC
) -> Cost:
    """Return what all layers cost together.

    Args:
        costs: of every layer, as "STAGE/LAYER".
        networks: by stage: which layers are int8, or hold int8 weights and compute in float.
        float_mac: cost of a float multiply-accumulate in int8 ones.
    """
    size, time = 0, 0.0
    for name, cost in costs.items():
        stage, _, layer = name.partition("/")
        stored = layer in networks[stage].weights
        size += cost.bytes(not stored)
        time += cost.time(not stored or layer in networks[stage].weight_only_layers, float_mac)
    return Cost(size, time)
