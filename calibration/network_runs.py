"""Running a pipeline's float networks on photos and looking at every tensor that int8 would round."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import fx

from ..reference.config import PipelineConfig
from ..reference.pipeline import build_program
from ..reference.program import PhotoToLDI
from ..reference.quantized.points import Points, find_points
from ..reference.quantized.program import load_graph_weights, network_graphs
from ..reference.quantized.watching import named_tensors, network_calls


@dataclass(frozen=True)
class KeptLayers:
    """Layers of one network that are not, or not wholly, int8; each with the reason.

    Attributes:
        float_layers: that stay float.
        weight_only: of which the weight alone is int8.
    """

    float_layers: Mapping[str, str] = field(default_factory=dict)
    weight_only: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tracked:
    """A network of one size as a graph, and what of it int8 rounds."""

    graph: fx.GraphModule
    points: Points


class NetworkRuns:
    """The float networks of a pipeline at every size that is asked for.

    Args:
        config: the pipeline.
        kept: by network ("depth", "inpaint"): which layers are not, or not wholly, int8.
        weights: repaired weights of the traced networks, by "NETWORK.PARAMETER"; the programs keep their own.

    Raises:
        InputError: a network is unknown or its weights do not fit.
    """

    def __init__(
        self,
        config: PipelineConfig,
        kept: Mapping[str, KeptLayers] | None = None,
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.config = config
        self.kept = kept or {}
        self._weights = weights
        self._programs: dict[tuple[int, int], PhotoToLDI] = {}
        self._networks: dict[tuple[int, int], dict[str, Tracked]] = {}

    def program(self, height: int, width: int) -> PhotoToLDI:
        """Return the float program of one size."""
        if (height, width) not in self._programs:
            self._programs[height, width] = build_program(self.config, height, width)
        return self._programs[height, width]

    def networks(self, height: int, width: int) -> dict[str, Tracked]:
        """Return the networks of one size, by "depth" and "inpaint"."""
        if (height, width) not in self._networks:
            graphs = network_graphs(self.program(height, width), height, width)
            if self._weights is not None:
                for stage, graph in graphs.items():
                    load_graph_weights(graph, stage, self._weights)
            self._networks[height, width] = {
                stage: Tracked(graph, self._points(stage, graph)) for stage, graph in graphs.items()
            }
        return self._networks[height, width]

    def _points(self, stage: str, graph: fx.GraphModule) -> Points:
        kept = self.kept.get(stage, KeptLayers())
        return find_points(graph, kept.float_layers, kept.weight_only)

    def tensors(self, photo: torch.Tensor) -> Iterator[tuple[str, str, torch.Tensor]]:
        """Yield network, tensor and values of all that int8 rounds on a photo (1, 3, H, W).

        A network that the program runs more than once (inpainting, once a hidden layer) yields each time.
        """
        height, width = photo.shape[-2:]
        networks = self.networks(height, width)
        for stage, inputs in network_calls(self.program(height, width), photo):
            tracked = networks[stage]
            if not tracked.points.activations:
                continue  # Of a network whose weights alone are int8 there is nothing to see.
            for name, values in named_tensors(tracked.graph, tracked.points.activations, inputs):
                yield stage, name, values
