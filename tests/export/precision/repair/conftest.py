"""A pipeline of two small networks, given as the float networks that repairs take."""

from collections.abc import Mapping

import pytest
import torch
from ldikit.calibration.network_runs import KeptLayers, NetworkRuns, Tracked
from ldikit.reference.config import PipelineConfig
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.program import load_graph_weights
from ldikit.reference.quantized.trace import trace
from torch import nn

SIZE = (32, 64)


class Uneven(nn.Module):
    """A block whose channels differ in range a hundredfold; the last reaches the cap of its ReLU6."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter = nn.Conv2d(3, 4, 1)
        self.cap = nn.ReLU6()
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.relu = nn.ReLU()
        self.project = nn.Conv2d(4, 4, 1)
        self.head = nn.Conv2d(4, 1, 1)
        with torch.no_grad():
            self.enter.weight.abs_()
            self.enter.weight *= torch.tensor([0.03, 0.3, 3.0, 30.0]).view(4, 1, 1, 1)
            self.enter.bias.fill_(0.01)
            self.project.weight *= torch.tensor([10.0, 1.0, 1.0, 0.1]).view(1, 4, 1, 1)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        block = self.project(self.relu(self.depthwise(self.cap(self.enter(photo)))))
        result: torch.Tensor = torch.sigmoid(self.head(block + photo.mean(1, keepdim=True)))
        return result


class OnlyDepth(NetworkRuns):
    """The depth network alone, at one size."""

    def __init__(self, weights: Mapping[str, torch.Tensor] | None = None) -> None:
        super().__init__(PipelineConfig(), {"depth": KeptLayers()})
        self.network = Uneven().eval()
        graph = trace(self.network, "depth", *SIZE)
        if weights is not None:
            load_graph_weights(graph, "depth", weights)
        self._networks[SIZE] = {"depth": Tracked(graph, find_points(graph))}
        self._programs[SIZE] = _Program(self.network)  # type: ignore[assignment]


class _Program(nn.Module):
    """As much of a program as is needed to see what its networks are given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.depth = nn.Module()
        self.depth.network = network
        self.inpainting = nn.Module()
        self.inpainting.network = nn.Identity()

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.depth.network(photo)
        return result


@pytest.fixture(scope="session")
def runs() -> OnlyDepth:
    return OnlyDepth()


@pytest.fixture(scope="session")
def with_weights() -> type[OnlyDepth]:
    return OnlyDepth


@pytest.fixture(scope="session")
def photos() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, 3, *SIZE, generator=generator) for _ in range(3)]
