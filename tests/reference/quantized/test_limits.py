import pytest
import torch
from ldikit.reference.quantized import qdq
from ldikit.reference.quantized.affine import affine_parameters, symmetric_scales
from ldikit.reference.quantized.limits import given_ranges
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.qdq import quantize_graph, weight_of
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe
from ldikit.reference.quantized.trace import trace
from torch import fx, nn
from torch.nn import functional as F

CLAMP = torch.ops.aten.clamp.default


class Limited(nn.Module):
    """Limits after an input, two layers, a sum that is enlarged, and the layer that stays float."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.enter = nn.Conv2d(3, 4, 3, 2, 1)
        self.more = nn.Conv2d(4, 4, 1)
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        fine = torch.clamp(self.enter(torch.clamp(photo, 0.0, 0.75)), -0.25, 0.5)
        more = torch.clamp(self.more(fine), -0.5, 0.5)
        both = torch.clamp(fine + more, -0.375, 0.5)
        result: torch.Tensor = torch.clamp(self.head(F.interpolate(both, scale_factor=2.0)), -2.0, 2.0)
        return result


@pytest.fixture(scope="module")
def graph() -> fx.GraphModule:
    return trace(Limited().eval(), "depth", 32, 64)


def recipe(graph: fx.GraphModule, widen: float = 1.0) -> NetworkRecipe:
    """The ranges that the network gives, times `widen`."""
    points = find_points(graph)
    ranges = given_ranges(graph, points)
    activations = {}
    for name, leader in points.groups.items():
        low, high = (widen * bound for bound in ranges[leader])
        activations[name] = ActivationScale(*affine_parameters(low, high), low, high, "given")
    weights = {
        points.layers[node.name]: tuple(symmetric_scales(weight_of(graph, node)).tolist())
        for node in graph.graph.nodes
        if node.name in points.layers
    }
    return NetworkRecipe(activations, weights, dict(points.float_layers))


def clamps(graph: fx.GraphModule) -> list[tuple[float, ...]]:
    return [node.args[1:] for node in graph.graph.nodes if node.target == CLAMP]


def test_a_sum_and_its_limit_are_one_tensor(graph: fx.GraphModule) -> None:
    points = find_points(graph)
    assert list(points.activations.values()) == ["clamp", "enter", "more", "clamp.1", "upsample_nearest2d"]
    assert points.groups["upsample_nearest2d"] == "clamp.1"
    assert "add" in points.operations and set(points.float_layers) == {"head"}


def test_ranges_are_those_of_the_clamps(graph: fx.GraphModule) -> None:
    assert given_ranges(graph, find_points(graph)) == {
        "clamp": (0.0, 0.75),
        "enter": (-0.25, 0.5),
        "more": (-0.5, 0.5),
        "clamp.1": (-0.375, 0.5),
    }


def test_activation_functions_and_half_open_clamps_give_none() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 1, 1)

        def forward(self, photo: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.head(torch.clamp(self.b(F.relu6(self.a(photo))), min=0.0))
            return result

    graph = trace(Plain().eval(), "depth", 32, 32)
    assert given_ranges(graph, find_points(graph)) == {}


def test_limits_that_rounding_keeps_are_taken_out(
    graph: fx.GraphModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Within 0.9 of the ranges, so that no zero point's rounding puts an end of the numbers outside.
    quantized = quantize_graph(graph, recipe(graph, 0.9))
    assert clamps(quantized) == [(-2.0, 2.0)]
    photo = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(2))
    monkeypatch.setattr(qdq, "drop_idle_limits", lambda graph: None)
    kept = quantize_graph(graph, recipe(graph, 0.9))
    assert len(clamps(kept)) == 5
    assert torch.equal(quantized(photo), kept(photo))


def test_limits_inside_the_rounded_range_stay(graph: fx.GraphModule) -> None:
    assert len(clamps(quantize_graph(graph, recipe(graph, 1.5)))) == 5
