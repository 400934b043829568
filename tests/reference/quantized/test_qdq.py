import copy

import numpy as np
import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.affine import affine_parameters, symmetric_scales
from ldikit.reference.quantized.points import find_points, output_layers
from ldikit.reference.quantized.qdq import quantize_graph, weight_of
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe
from ldikit.reference.quantized.trace import trace
from torch import fx, nn
from torch.nn import functional as F


class Small(nn.Module):
    """Every rule once: a fused activation, a sum, upsampling before a sum, a float way in and out."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU6())
        self.coarse = nn.Conv2d(4, 4, 3, 2, 1)
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        fine = self.enter(photo * 2.0 - 1.0)
        coarse = F.interpolate(self.coarse(fine), scale_factor=2.0, mode="bilinear")
        result: torch.Tensor = torch.sigmoid(F.interpolate(self.head(fine + coarse), scale_factor=2.0))
        return result


@pytest.fixture(scope="module")
def graph() -> fx.GraphModule:
    return trace(Small().eval(), "depth", 32, 64)


@pytest.fixture(scope="module")
def recipe(graph: fx.GraphModule) -> NetworkRecipe:
    """A recipe with round numbers, so that values can be worked out."""
    points = find_points(graph)
    activations = {}
    for name in points.activations.values():
        low, high = (0.0, 6.0) if name == "enter.0" else (-2.0, 2.0)
        activations[name] = ActivationScale(*affine_parameters(low, high), low, high, "given")
    weights = {
        points.layers[node.name]: tuple(symmetric_scales(weight_of(graph, node)).tolist())
        for node in graph.graph.nodes
        if node.name in points.layers
    }
    return NetworkRecipe(activations, weights, dict(points.float_layers))


def test_tensors_are_called_after_layers_and_modules(graph: fx.GraphModule) -> None:
    points = find_points(graph)
    assert list(points.activations.values()) == ["sub", "enter.0", "coarse", "upsample_bilinear2d", "add"]
    assert set(points.layers.values()) == {"enter.0", "coarse"}
    assert points.groups["upsample_bilinear2d"] == "coarse"  # it only mixes: one scale


def test_the_last_layer_and_what_follows_stay_float(graph: fx.GraphModule) -> None:
    assert list(output_layers(graph)) == ["head"]
    points = find_points(graph)
    assert "finer than 8 bits" in points.float_layers["head"]
    kinds = {str(node.target) for node in graph.graph.nodes if node.name in points.operations}
    assert "aten.sigmoid.default" not in kinds


def test_a_layer_can_be_kept_float(graph: fx.GraphModule) -> None:
    points = find_points(graph, {"coarse": "why not"})
    assert set(points.layers.values()) == {"enter.0"}
    # What it gives is not rounded, so neither is the sum with it.
    assert list(points.activations.values()) == ["sub", "enter.0"]


def test_a_layer_can_keep_its_arithmetic_float(graph: fx.GraphModule) -> None:
    points = find_points(graph, weight_only={"coarse"})
    assert (set(points.layers.values()), set(points.weight_only.values())) == ({"enter.0"}, {"coarse"})
    assert list(points.activations.values()) == ["sub", "enter.0"]


def test_names_do_not_depend_on_the_size() -> None:
    network = Small().eval()
    names = [
        list(find_points(trace(network, "depth", *size)).activations.values())
        for size in ((32, 64), (96, 32))
    ]
    assert names[0] == names[1]


def by_hand(graph: fx.GraphModule, recipe: NetworkRecipe, photo: torch.Tensor) -> torch.Tensor:
    """Run the graph and round in NumPy wherever the recipe says."""
    points = find_points(graph)

    def rounded(value: torch.Tensor, entry: ActivationScale) -> torch.Tensor:
        scale = np.float32(entry.scale)
        q = np.clip(np.rint(value.numpy() / scale) + entry.zero_point, -128, 127)
        return torch.from_numpy(((q - entry.zero_point) * scale).astype(np.float32))

    class Run(fx.Interpreter):
        def run_node(self, node: fx.Node) -> object:
            if node.name in points.layers:
                args, kwargs = self.fetch_args_kwargs_from_env(node)
                scales = torch.tensor(recipe.weights[points.layers[node.name]]).view(-1, 1, 1, 1)
                weight = (args[1] / scales).round().clamp(-127, 127) * scales
                result = node.target(args[0], weight, *args[2:], **kwargs)
            else:
                result = super().run_node(node)
            name = points.activations.get(node.name)
            return rounded(result, recipe.activations[name]) if name else result

    with torch.no_grad():
        return Run(graph).run(photo)


@pytest.mark.parametrize("folded", [True, False])
def test_it_computes_what_rounding_by_hand_gives(
    graph: fx.GraphModule, recipe: NetworkRecipe, folded: bool
) -> None:
    photo = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(1))
    quantized = quantize_graph(graph, recipe, folded)
    with torch.no_grad():
        found, plain = quantized(photo), graph(photo)
    torch.testing.assert_close(found, by_hand(graph, recipe, photo), rtol=0, atol=1e-6)
    assert float((found - plain).abs().max()) > 1e-4
    holds_int8 = any(buffer.dtype == torch.int8 for buffer in quantized.buffers())
    assert holds_int8 == folded


def test_weights_in_the_middle_between_steps_fall_as_in_torch(graph: fx.GraphModule) -> None:
    graph = copy.deepcopy(graph)
    points = find_points(graph)
    (node,) = [n for n in graph.graph.nodes if points.layers.get(n.name) == "coarse"]
    weight = weight_of(graph, node)
    # Steps of 2: 1 and 5 lie between 0 and 2, and between 4 and 6.
    weight.data.zero_()[:, 0, 0] = torch.tensor([254.0, 1.0, 5.0])
    activations = {
        name: ActivationScale(0.5, 0, -64.0, 63.5, "given") for name in points.activations.values()
    }
    scales = {"enter.0": (1.0,) * 4, "coarse": (2.0,) * 4}
    recipe = NetworkRecipe(activations, scales, dict(points.float_layers))
    quantized = quantize_graph(graph, recipe, folded=False)
    (held,) = [p for p in quantized.parameters() if p.shape == weight.shape and p.abs().max() == 254]
    assert held[0, 0, 0].tolist() == [254.0, 0.0, 4.0]
    assert weight[0, 0, 0].tolist() == [254.0, 1.0, 5.0], "the graph is left as it is"


def test_weights_alone(graph: fx.GraphModule, recipe: NetworkRecipe) -> None:
    light = dict.fromkeys(recipe.weights, "light")
    quantized = quantize_graph(graph, NetworkRecipe({}, recipe.weights, recipe.float_layers, light))
    targets = [str(node.target) for node in quantized.graph.nodes]
    assert sum("dequantize_per_channel" in t for t in targets) == 2
    assert not any("per_tensor" in t for t in targets)


def change(recipe: NetworkRecipe, what: str) -> NetworkRecipe:
    changed = copy.deepcopy(recipe)
    if what == "missing tensor":
        del changed.activations["add"]
    elif what == "missing layer":
        del changed.weights["coarse"]
    elif what == "other layer":
        changed.weights["elsewhere"] = (1.0,)
    elif what == "channels":
        changed.weights["coarse"] = (1.0, 1.0)
    else:
        changed.activations["upsample_bilinear2d"] = changed.activations["add"]
        changed.activations["coarse"] = ActivationScale(1.0, 0, 0.0, 1.0, "given")
    return changed


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("missing tensor", "tensors missing: add"),
        ("missing layer", "layers missing: coarse"),
        ("other layer", "layers unknown: elsewhere"),
        ("channels", "'coarse' has 4 output channels, the recipe gives it 2 scales"),
        ("unshared", "two scales: they must share one"),
    ],
)
def test_a_recipe_of_another_network_is_refused(
    graph: fx.GraphModule, recipe: NetworkRecipe, what: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        quantize_graph(graph, change(recipe, what))


@pytest.mark.parametrize(("weight_only", "lowest"), [(False, -127), (True, -128)])
def test_minus_128_is_for_weights_that_are_widened_before_use(weight_only: bool, lowest: int) -> None:
    class Published(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.only, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1)
            with torch.no_grad():
                self.only.weight.copy_(torch.arange(-128.0, -20).reshape(4, 3, 3, 3) / 64)

        def forward(self, photo: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.head(self.only(photo))
            return result

    graph = trace(Published().eval(), "depth", 32, 32)
    light = {"only": "published"} if weight_only else {}
    points = find_points(graph, weight_only=light)
    activations = {
        name: ActivationScale(1.0, 0, -128.0, 127.0, "given") for name in points.activations.values()
    }
    recipe = NetworkRecipe(activations, {"only": (1 / 64,) * 4}, dict(points.float_layers), light)
    for folded, dtype, steps in ((True, torch.int8, 1), (False, torch.float32, 64)):
        quantized = quantize_graph(graph, recipe, folded)
        tensors = (*quantized.parameters(), *quantized.buffers())
        held = [t for t in tensors if t.shape == (4, 3, 3, 3) and t.dtype == dtype]
        assert [float(t.min()) * steps for t in held] == [lowest]
