"""A small network with every rule of int8 in it, and a recipe for it."""

import pytest
import torch
from ldikit.export.precision.workbench import Workbench
from ldikit.reference.config import LayeringConfig
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.quantized.affine import affine_parameters, symmetric_scales
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.program import network_graphs
from ldikit.reference.quantized.qdq import weight_of
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe, Recipe
from ldikit.reference.quantized.trace import trace
from ldikit.reference.quantized.watching import named_tensors, network_calls
from torch import fx, nn
from torch.nn import functional as F

SIZE = (64, 96)


class RedDepth(nn.Module):
    """Red is near; three layers, so that the middle one may be int8."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 4, 3, padding=1)
        self.middle = nn.Conv2d(4, 4, 1)
        self.head = nn.Conv2d(4, 1, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()
            self.enter.weight[:, 0, 1, 1] = torch.tensor([0.5, 1.0, 1.5, 2.0])
            self.middle.weight[:, :, 0, 0] = torch.eye(4) * 0.7
            self.head.weight[0, :, 0, 0] = 0.2 / 0.7

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return self.head(self.middle(self.enter(photo))).clamp(0.0, 1.0)


def small_program() -> PhotoToLDI:
    """Two layers, and an inpainting network with seeded random weights that does paint."""
    torch.manual_seed(3)
    inpaint = PocketInpaint(*SIZE)
    nn.init.normal_(inpaint.head.weight, 0.0, 0.05)
    layering = SoftLayering(LayeringConfig(), max(SIZE))
    return PhotoToLDI(RedDepth(), layering, inpaint, 2).eval().requires_grad_(False)


def make_picture(seed: int) -> torch.Tensor:
    """A near card (much red) before a slope; (1, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(1, 3, *SIZE, generator=generator) * 0.2 + 0.3
    picture[:, 0] = torch.linspace(0.1, 0.3, SIZE[0])[:, None]
    picture[:, 0, 16 : 40 + 8 * seed, 20:60] = 0.85
    return picture


class Small(nn.Module):
    """A photo that enters a convolution directly, a block with a depthwise layer, a sum, a float way out."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU6())
        self.expand = nn.Sequential(nn.Conv2d(4, 8, 1), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.ReLU6())
        self.project = nn.Conv2d(8, 4, 1)
        self.coarse = nn.Conv2d(4, 4, 3, 2, 1)
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        fine = self.enter(photo)
        fine = fine + self.project(self.depthwise(self.expand(fine)))
        coarse = F.interpolate(self.coarse(fine), scale_factor=2.0, mode="bilinear")
        result: torch.Tensor = torch.sigmoid(F.interpolate(self.head(fine + coarse), scale_factor=2.0))
        return result


def make_recipe(graph: fx.GraphModule) -> NetworkRecipe:
    """Ranges that clip a little, so that both rounding and clipping count."""
    points = find_points(graph)
    activations = {}
    for name in points.activations.values():
        low, high = (0.0, 0.7) if "input" in name or name.endswith(".0") else (-0.6, 0.7)
        activations[name] = ActivationScale(*affine_parameters(low, high), low, high, "given")
    weights = {
        points.layers[node.name]: tuple(symmetric_scales(weight_of(graph, node)).tolist())
        for node in graph.graph.nodes
        if node.name in points.layers
    }
    return NetworkRecipe(activations, weights, dict(points.float_layers))


@pytest.fixture(scope="session")
def graph() -> fx.GraphModule:
    return trace(Small().eval(), "depth", 32, 64)


@pytest.fixture(scope="session")
def recipe(graph: fx.GraphModule) -> NetworkRecipe:
    return make_recipe(graph)


@pytest.fixture(scope="session")
def photo() -> torch.Tensor:
    return torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(1))


def make_bench(widened: dict[str, float]) -> Workbench:
    """A small program on two pictures; some layers of depth with weight scales that many times as wide."""
    program = small_program()
    pictures = [("card", make_picture(0)), ("other", make_picture(1))]
    networks = {}
    for stage, graph in network_graphs(program, *SIZE).items():
        points = find_points(graph)
        ranges: dict[str, tuple[float, float]] = {}
        for own, inputs in network_calls(program, pictures[0][1]):
            if own == stage:
                for name, values in named_tensors(graph, points.activations, inputs):
                    low, high = ranges.get(points.groups[name], (0.0, 0.0))
                    ranges[points.groups[name]] = (
                        min(low, float(values.min())),
                        max(high, float(values.max())),
                    )
        activations = {
            name: ActivationScale(*affine_parameters(*ranges[leader]), *ranges[leader], "minmax")
            for name, leader in points.groups.items()
        }
        weights = {
            layer: tuple((symmetric_scales(weight_of(graph, node)) * widened.get(layer, 1.0)).tolist())
            for node in graph.graph.nodes
            if (layer := points.layers.get(node.name))
        }
        networks[stage] = NetworkRecipe(activations, weights, dict(points.float_layers))
    return Workbench(lambda height, width: program, Recipe("small", {}, networks), pictures)


@pytest.fixture(scope="session")
def bench() -> Workbench:
    """A small program on two pictures, its recipe of ranges that one of them has."""
    return make_bench({})


@pytest.fixture(scope="session")
def coarse_bench() -> Workbench:
    """As `bench`, but the weights of depth lose something: 127 steps become 42.3, or 5.08."""
    return make_bench({"enter": 25.0, "middle": 3.0})
