"""Second-order rounding: each weight of a layer is rounded so that it makes up for those rounded before it.

Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", ICLR
2023, after Hassibi and Stork's optimal brain surgeon (NIPS 1993). What a layer is given is alike from one
channel and pixel to the next, so that rounding every weight to the nearest number, which is best where inputs
are independent, leaves errors that add up: most of all in depthwise layers, whose few weights all see one
channel.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import fx
from torch.nn import functional as F

from ....calibration.network_runs import NetworkRuns
from ....reference.errors import InputError
from ....reference.quantized.qdq import weight_of
from ....reference.quantized.recipe import INT8_MAX, Recipe
from ....reference.quantized.trace import ATEN, CONVOLUTIONS, layer_of
from ....reference.quantized.watching import network_calls

ROUNDED = "second-order rounding"
"""In `Recipe.repairs`."""

DAMPING = 0.01
"""Of the mean square of a layer's inputs, added to all of them: other photos have other inputs."""

MOST_PLACES = 4096
"""Of one photo that a layer's inputs are taken from, evenly spread."""

_Products = dict[str, torch.Tensor]


def round_weights(
    runs: NetworkRuns, recipe: Recipe, photos: Iterable[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the weights of both networks by "NETWORK.PARAMETER", those of int8 layers on the recipe's steps.

    Args:
        runs: the float networks; left as they are.
        recipe: its scales.
        photos: (1, 3, H, W) each, that calibrate.

    Raises:
        InputError: there is no photo.
    """
    found: dict[str, _Products] = {}
    size: tuple[int, int] | None = None
    for photo in photos:
        size = int(photo.shape[-2]), int(photo.shape[-1])
        networks = runs.networks(*size)
        for stage, inputs in network_calls(runs.program(*size), photo):
            products = found.setdefault(stage, {})
            with torch.no_grad():
                _Watching(networks[stage].graph, recipe.network(stage).weights, products).run(*inputs)
    if size is None:
        raise InputError("no photo to round weights on: give at least one")
    weights: dict[str, torch.Tensor] = {}
    for stage, tracked in runs.networks(*size).items():
        own = {name: parameter.detach().clone() for name, parameter in tracked.graph.named_parameters()}
        for node in tracked.graph.graph.nodes:
            if node.target in CONVOLUTIONS and layer_of(node) in found[stage]:
                weight = weight_of(tracked.graph, node)
                held, layer = recipe.network(stage), layer_of(node)
                scales, lowest = torch.tensor(held.weights[layer]), held.lowest_weight(layer)
                name = str(node.args[1].target)  # type: ignore[union-attr]
                own[name] = rounded_jointly(weight.flatten(1), scales, found[stage][layer], lowest).view_as(
                    weight
                )
        weights.update({f"{stage}.{name}": parameter for name, parameter in own.items()})
    return weights


def rounded_jointly(
    weight: torch.Tensor, scales: torch.Tensor, products: torch.Tensor, lowest: int = -INT8_MAX
) -> torch.Tensor:
    """Round the weights of a layer one after the other, each with what the rounding before it left over.

    Args:
        weight: (outputs, inputs).
        scales: one step an output.
        products: Σ x·xᵀ over what the inputs are: (inputs, inputs), or (outputs, inputs, inputs) where every
            output has inputs of its own.
        lowest: int8 value that a weight may take.

    Returns:
        Like `weight`: whole multiples, `lowest` to 127, of each output's step.
    """
    left, step = weight.double().clone(), scales.double()
    square = products.double() if products.dim() == 3 else products.double()[None]
    mean = square.diagonal(dim1=-2, dim2=-1).mean(-1)
    damping = (DAMPING * mean).clamp(min=1e-12).view(-1, 1, 1)
    square = square + damping * torch.eye(left.shape[1], dtype=torch.float64)
    # Row i of this factor says how the weights after i make up for an error of weight i.
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(square)), upper=True)
    result = torch.empty_like(left)
    for index in range(left.shape[1]):
        result[:, index] = (left[:, index] / step).round().clamp(lowest, INT8_MAX) * step
        error = (left[:, index] - result[:, index]) / factor[:, index, index]
        left[:, index + 1 :] -= error[:, None] * factor[:, index, index + 1 :]
    return result.float()


class _Watching(fx.Interpreter):
    """Runs a network and adds up the products of what its int8 layers are given, by layer."""

    def __init__(self, graph: fx.GraphModule, layers: Mapping[str, object], products: _Products) -> None:
        super().__init__(graph)
        self._layers = layers
        self._products = products

    def run_node(self, node: fx.Node) -> object:
        if node.target in CONVOLUTIONS and layer_of(node) in self._layers:
            args, kwargs = self.fetch_args_kwargs_from_env(node)
            inputs = (
                _linear(*args, **kwargs) if node.target is ATEN.linear.default else _patches(*args, **kwargs)
            )
            count = inputs.shape[-1]
            if count > MOST_PLACES:
                inputs = inputs[..., torch.arange(MOST_PLACES) * count // MOST_PLACES]
            product = (inputs @ inputs.mT).double()
            before = self._products.get(layer_of(node))
            self._products[layer_of(node)] = product if before is None else before + product
        return super().run_node(node)


def _linear(values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Return a linear layer's inputs, (inputs, places)."""
    return values.reshape(-1, weight.shape[1]).T


def _patches(
    values: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: list[int] | tuple[int, ...] = (1, 1),
    padding: list[int] | tuple[int, ...] = (0, 0),
    dilation: list[int] | tuple[int, ...] = (1, 1),
    groups: int = 1,
) -> torch.Tensor:
    """Return a convolution's inputs: (inputs, places); in groups (outputs, inputs of one, places)."""
    patches = F.unfold(values, weight.shape[-2:], tuple(dilation), tuple(padding), tuple(stride))[0]
    if groups == 1:
        return patches
    return patches.view(groups, -1, patches.shape[-1]).repeat_interleave(weight.shape[0] // groups, dim=0)
