"""Cross-layer equalisation: channels of one tensor brought to like ranges, so that one scale suits them all.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, §4.1. Where
a convolution's channel goes, through an activation alone, into one other convolution, f·y and w/f compute
what y and w do: the float network stays the same. Two things differ from the paper. Weights have a scale per
output channel here, so that a channel's range in the first layer costs nothing; it is the activation's, seen
on photos, that counts. And ReLU6 is not homogeneous: its cap stays at 6, so that a channel is changed only
where it stays below the cap, before and after, with `HEADROOM`; other photos may reach it all the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import fx

from ....calibration.network_runs import NetworkRuns
from ....reference.errors import InputError
from ....reference.quantized.qdq import weight_of
from ....reference.quantized.trace import ACTIVATIONS, ATEN, layer_of
from ....reference.quantized.watching import named_tensors, network_calls

EQUALISED = "cross-layer equalisation"
"""In `Recipe.repairs`."""

HEADROOM = 1.25
"""How far below the cap of its activation a channel has to stay."""

LARGEST_FACTOR = 16.0
"""No channel is scaled by more, up or down: what is nearly always 0 on these photos may not be on others."""


@dataclass(frozen=True)
class Pair:
    """Two convolutions of which the second alone takes what the first gives.

    Attributes:
        first, second: their nodes.
        cap: largest value that the activation between them lets through; infinity where it has none.
        signed: there is no activation between them, so that values below 0 count.
        depthwise: of the second: each of its channels has its own scale.
    """

    first: fx.Node
    second: fx.Node
    cap: float
    signed: bool
    depthwise: bool


def find_pairs(graph: fx.GraphModule) -> list[Pair]:
    """Return the pairs of a network that can be equalised, in order.

    A layer that the network uses more than once is in none: one set of weights has several inputs.
    """
    calls: dict[str, int] = {}
    for node in graph.graph.nodes:
        if node.target is ATEN.conv2d.default:
            calls[_weight(node)] = calls.get(_weight(node), 0) + 1
    found = []
    for node in graph.graph.nodes:
        if node.target is not ATEN.conv2d.default:
            continue
        cap, last = _activation(node)
        users = list(last.users)
        if cap is None or len(users) != 1 or users[0].target is not ATEN.conv2d.default:
            continue
        second = users[0]
        once = all(calls[_weight(n)] == 1 for n in (node, second))
        out, inside = weight_of(graph, second).shape[:2]
        channels = weight_of(graph, node).shape[0]
        if once and (inside == channels or (inside == 1 and out == channels)):
            found.append(Pair(node, second, cap, last is node, inside != channels))
    return found


def equalise(runs: NetworkRuns, photos: Iterable[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights of both networks with all pairs equalised, by "NETWORK.PARAMETER".

    Args:
        runs: the float networks; left as they are.
        photos: (1, 3, H, W) each, that calibrate.

    Raises:
        InputError: there is no photo.
    """
    peaks: dict[tuple[str, str], torch.Tensor] = {}
    size: tuple[int, int] | None = None
    for photo in photos:
        size = int(photo.shape[-2]), int(photo.shape[-1])
        graphs = {stage: tracked.graph for stage, tracked in runs.networks(*size).items()}
        pairs = {s: {layer_of(p.first): p for p in find_pairs(g)} for s, g in graphs.items()}
        for stage, inputs in network_calls(runs.program(*size), photo):
            names = {pair.first.name: layer for layer, pair in pairs[stage].items()}
            for layer, values in named_tensors(graphs[stage], names, inputs):
                seen = values.abs() if pairs[stage][layer].signed else values.clamp(min=0)
                peak = seen.amax((0, 2, 3))
                before = peaks.get((stage, layer))
                peaks[stage, layer] = peak if before is None else torch.maximum(before, peak)
    if size is None:
        raise InputError("no photo to equalise layers on: give at least one")
    weights: dict[str, torch.Tensor] = {}
    for stage, tracked in runs.networks(*size).items():
        own = {name: parameter.detach().clone() for name, parameter in tracked.graph.named_parameters()}
        for pair in find_pairs(tracked.graph):
            _scale(own, pair, _factors(own, pair, peaks[stage, layer_of(pair.first)]))
        weights.update({f"{stage}.{name}": parameter for name, parameter in own.items()})
    return weights


def _weight(node: fx.Node) -> str:
    """Return the name of a convolution's weight."""
    return str(node.args[1].target)  # type: ignore[union-attr]


def _activation(node: fx.Node) -> tuple[float | None, fx.Node]:
    """Return the cap of the activation after a convolution and the node whose result leaves the pair.

    None for an activation that is not homogeneous below its cap.
    """
    users = list(node.users)
    if len(users) != 1 or users[0].target not in ACTIVATIONS:
        return float("inf"), node
    act = users[0]
    if act.target in (ATEN.relu.default, ATEN.relu_.default):
        return float("inf"), act
    if act.target in (ATEN.relu6.default, ATEN.relu6_.default):
        return 6.0, act
    low, high = (*act.args[1:], None, None)[:2]
    return (float(high) if low == 0 and isinstance(high, int | float) else None), act


def _factors(own: Mapping[str, torch.Tensor], pair: Pair, peak: torch.Tensor) -> torch.Tensor:
    """Return by what each channel of a pair's tensor is multiplied.

    With r the channel's peak over the tensor's, and w its largest weight in the second layer over the largest
    of all: √(w/r), brought so that the tensor's range stays what it is (the paper's optimum); 1/r where the
    second layer is depthwise, whose channels have scales of their own.
    """
    reach = peak.clamp(max=pair.cap)
    reach = reach / reach.max()
    if pair.depthwise:
        factors = 1 / reach
    else:
        weight = own[_weight(pair.second)]
        share = weight.abs().amax((0, 2, 3))
        balance = (share / share.max() * reach).sqrt()
        factors = balance / balance.max() / reach
    factors = torch.minimum(factors, pair.cap / HEADROOM / peak)
    factors = factors.clamp(1 / LARGEST_FACTOR, LARGEST_FACTOR)
    fixed = (peak * HEADROOM > pair.cap) | (peak == 0) | ~torch.isfinite(factors)
    return torch.where(fixed, torch.ones_like(factors), factors)


def _scale(own: dict[str, torch.Tensor], pair: Pair, factors: torch.Tensor) -> None:
    """Multiply what the first layer of a pair gives, and divide what the second makes of it."""
    weight, *bias = [str(arg.target) for arg in pair.first.args[1:3] if isinstance(arg, fx.Node)]
    own[weight] *= factors.view(-1, 1, 1, 1)
    for name in bias:
        own[name] *= factors
    second = _weight(pair.second)
    own[second] /= factors.view((-1, 1, 1, 1) if pair.depthwise else (1, -1, 1, 1))
