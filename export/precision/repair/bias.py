"""Bias correction: the mean shift that rounding gives a layer's channels is taken out of its bias.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, §4.2, by
experience over samples: layer by layer in order, each with all layers before it corrected already.
"""

import copy
from collections import Counter
from collections.abc import Generator, Iterable, Mapping

import torch
from torch import fx

from ....calibration.network_runs import NetworkRuns
from ....reference.errors import InputError
from ....reference.quantized.program import load_graph_weights
from ....reference.quantized.recipe import Recipe
from ....reference.quantized.trace import ATEN, CONVOLUTIONS, layer_of
from ....reference.quantized.watching import network_calls
from ..fake import FakeQuantized

CORRECTED = "bias correction"
"""In `Recipe.repairs`."""

_Run = Generator[tuple[fx.Node, torch.Tensor], torch.Tensor, None]
# The float network, the one whose weights are rounded, and what they are given.
_Call = tuple[fx.GraphModule, fx.GraphModule, tuple[torch.Tensor, ...]]


def correct_biases(
    runs: NetworkRuns,
    recipe: Recipe,
    photos: Iterable[torch.Tensor],
    rounded: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    """Return the weights of both networks with corrected biases, by "NETWORK.PARAMETER".

    Both networks are given the inputs that they have in the float program, so that each is corrected for its
    own error alone. Layers without a bias, or used more than once, stay as they are; those that compute in
    float are corrected for what the layers before them did.

    Args:
        runs: the float networks, repaired as the recipe's were; left as they are.
        recipe: how they are rounded.
        photos: (1, 3, H, W) each, that calibrate. All are held in memory at once.
        rounded: weights that are rounded in the place of the float networks' own; the means to come back to
            stay those of the float networks.

    Raises:
        InputError: there is no photo, or the recipe is of other networks.
    """
    calls: dict[str, list[_Call]] = {}
    repaired: dict[int, fx.GraphModule] = {}
    for photo in photos:
        size = int(photo.shape[-2]), int(photo.shape[-1])
        networks = runs.networks(*size)
        for stage, inputs in network_calls(runs.program(*size), photo):
            graph = networks[stage].graph
            if id(graph) not in repaired:
                repaired[id(graph)] = graph if rounded is None else _with_weights(graph, stage, rounded)
            calls.setdefault(stage, []).append((graph, repaired[id(graph)], inputs))
    if not calls:
        raise InputError("no photo to correct biases on: give at least one")
    weights = {}
    for stage, found in calls.items():
        graph = found[0][1]
        own = {name: parameter.detach().clone() for name, parameter in graph.named_parameters()}
        for name, shift in _shifts(graph, recipe, stage, found).items():
            own[name] -= shift
        weights.update({f"{stage}.{name}": parameter for name, parameter in own.items()})
    return weights


def _with_weights(graph: fx.GraphModule, stage: str, weights: Mapping[str, torch.Tensor]) -> fx.GraphModule:
    changed = copy.deepcopy(graph)
    load_graph_weights(changed, stage, weights)
    return changed


def _shifts(graph: fx.GraphModule, recipe: Recipe, stage: str, calls: list[_Call]) -> dict[str, torch.Tensor]:
    """Return the mean shift of every channel that a bias can take back, by the bias's name."""
    biases = _biases(graph)
    wanted = [_means(FakeQuantized(plain, None), inputs) for plain, _, inputs in calls]
    networks: dict[int, FakeQuantized] = {}
    for _, own, _ in calls:
        if id(own) not in networks:
            networks[id(own)] = FakeQuantized(own, recipe.network(stage))
    shifts: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        waiting = [networks[id(own)].steps(*inputs) for _, own, inputs in calls]
        results = [next(run) for run in waiting]
        for index in range(len(wanted[0])):
            layer = layer_of(results[0][0])
            shift = sum(
                _mean(node, values) - means[index]
                for (node, values), means in zip(results, wanted, strict=True)
            ) / len(calls)
            assert isinstance(shift, torch.Tensor)
            if layer in biases:
                shifts[biases[layer]] = shift
            else:
                shift = torch.zeros_like(shift)
            results = [
                found
                for run, (node, values) in zip(waiting, results, strict=True)
                if (found := _send(run, values - _along(node, shift))) is not None
            ]
    return shifts


def _biases(graph: fx.GraphModule) -> Mapping[str, str]:
    """Return layer → name of its bias, for layers that are used once and have one."""
    layers = [
        (layer_of(node), node.args[2] if len(node.args) > 2 else None)
        for node in graph.graph.nodes
        if node.target in CONVOLUTIONS
    ]
    used = Counter(layer for layer, _ in layers)
    return {
        layer: str(bias.target) for layer, bias in layers if used[layer] == 1 and isinstance(bias, fx.Node)
    }


def _means(network: FakeQuantized, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Return the mean of every channel of every layer's result, in order."""
    means = []
    with torch.no_grad():
        run = network.steps(*inputs)
        found = next(run, None)
        while found is not None:
            means.append(_mean(*found))
            found = _send(run, found[1])
    return means


def _send(run: _Run, values: torch.Tensor) -> tuple[fx.Node, torch.Tensor] | None:
    """Go on with a run; None at its end."""
    try:
        return run.send(values)
    except StopIteration:
        return None


def _mean(node: fx.Node, values: torch.Tensor) -> torch.Tensor:
    """Return each channel's mean: along the second axis of a convolution's result, a linear layer's last."""
    axis = 1 if node.target is ATEN.conv2d.default else values.dim() - 1
    return values.mean([i for i in range(values.dim()) if i != axis])


def _along(node: fx.Node, shift: torch.Tensor) -> torch.Tensor:
    """Return one value a channel, shaped to be subtracted from a layer's result."""
    return shift.view(1, -1, 1, 1) if node.target is ATEN.conv2d.default else shift
