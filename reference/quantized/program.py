"""The program whose networks are quantised: what is exported as int8, and the oracle of those exports."""

import copy
from collections.abc import Mapping

import torch
from torch import fx, nn

from ..errors import InputError
from ..layering.soft import Gap
from ..program import PhotoToLDI
from .qdq import quantize_graph
from .recipe import Recipe
from .trace import trace


class GraphDepth(nn.Module):
    """A depth network given as a graph."""

    def __init__(self, graph: fx.GraphModule, normalised: bool) -> None:
        super().__init__()
        self.graph = graph
        self.normalised = normalised

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) → (1, 1, H, W)."""
        disparity: torch.Tensor = self.graph(photo)
        return disparity


class GraphInpaint(nn.Module):
    """An inpainting network given as a graph."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        """See `InpaintNetwork`."""
        painted, disparity = self.graph(color, *gap)
        return painted, disparity


def network_graphs(program: PhotoToLDI, height: int, width: int) -> dict[str, fx.GraphModule]:
    """Return the networks of a float program as graphs, by "depth" and "inpaint" (see `trace`)."""
    return {
        "depth": trace(program.depth.network, "depth", height, width),
        "inpaint": trace(program.inpainting.network, "inpaint", height, width),
    }


def with_networks(program: PhotoToLDI, graphs: Mapping[str, fx.GraphModule]) -> PhotoToLDI:
    """Return a copy of a program with other networks.

    Args:
        program: left as it is.
        graphs: by "depth" and "inpaint"; a network that is not given stays.
    """
    changed = copy.deepcopy(program)
    if "depth" in graphs:
        changed.depth.network = GraphDepth(graphs["depth"], bool(program.depth.network.normalised))
    if "inpaint" in graphs:
        changed.inpainting.network = GraphInpaint(graphs["inpaint"])
    return changed


def quantized_program(
    program: PhotoToLDI,
    recipe: Recipe,
    height: int,
    width: int,
    weights: Mapping[str, torch.Tensor] | None = None,
    folded: bool = True,
) -> PhotoToLDI:
    """Return a program that computes as an int8 export of it has to.

    Args:
        program: the float reference of the recipe's pipeline, in evaluation mode, built for this size.
        recipe: its scales.
        height, width: of the program.
        weights: the repaired weights of the recipe, by "NETWORK.PARAMETER" (see `load_graph_weights`).
        folded: see `quantize_graph`.

    Raises:
        InputError: the recipe or the weights are of another pipeline.
    """
    graphs = network_graphs(program, height, width)
    if recipe.repairs and weights is None:
        raise InputError("the recipe changed the weights before rounding them, but they are not beside it")
    quantized = {}
    for stage, graph in graphs.items():
        if weights is not None:
            load_graph_weights(graph, stage, weights)
        quantized[stage] = quantize_graph(graph, recipe.network(stage), folded)
    return with_networks(program, quantized)


def load_graph_weights(graph: fx.GraphModule, stage: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Put other weights into a traced network.

    Args:
        graph: changed in place.
        stage: "depth" or "inpaint"; the weights are called "STAGE.PARAMETER".
        weights: of the folded network, as its graph names them.

    Raises:
        InputError: a parameter is missing, unknown, or has another shape.
    """
    own = dict(graph.named_parameters())
    given = {n.removeprefix(f"{stage}."): t for n, t in weights.items() if n.startswith(f"{stage}.")}
    wrong = sorted(own.keys() ^ given.keys()) or sorted(n for n in own if own[n].shape != given[n].shape)
    if wrong:
        raise InputError(f"the recipe's weights are of another {stage} network: {', '.join(wrong[:3])}")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(given[name])
