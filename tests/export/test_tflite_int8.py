"""int8 and w8 as TFLite: a small network in int8 between float geometry, against its torch program."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from ldikit.export.convert import export_file
from ldikit.export.quantisation import Quantisation
from ldikit.export.recipes import ready_recipe
from ldikit.export.stages import StageProgram
from ldikit.export.tflite_exporter import export_tflite, operations
from ldikit.export.tflite_shields import shield
from ldikit.reference.config import LayeringConfig, PipelineConfig
from ldikit.reference.errors import InputError
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.pipeline import build_program
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.quantized.affine import affine_parameters, symmetric_scales
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.program import network_graphs, quantized_program
from ldikit.reference.quantized.qdq import quantize_graph, weight_of
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe, Recipe
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.scales.found import check_scales
from ldikit.runtime.scales.readers import read_operations, read_scales
from ldikit.runtime.scales.slots import expected_slots
from torch import fx, nn
from torch.nn import functional as F

SIZE = ProgramSize(64, 64)
GEOMETRY = ("MINIMUM", "MAX_POOL_2D")


class SmallDepth(nn.Module):
    """Geometry, then every kind of int8 operation that the pocket networks have, then a float layer."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU6()
        self.enter = nn.Conv2d(4, 8, 3, 2, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.down = nn.Conv2d(8, 8, 3, 2, 1)
        self.lateral = nn.Conv2d(8, 8, 1)
        self.top = nn.Conv2d(8, 8, 1)
        self.head = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) → (1, 1, H, W)."""
        red = photo[:, :1]
        darkest = torch.minimum(red, F.max_pool2d(1.0 - red, 3, 1, 1))
        entered = self.relu(self.enter(torch.cat([photo * 2.0 - 1.0, darkest], dim=1)))
        fine = self.relu(self.depthwise(entered))
        coarse = self.relu(self.down(fine))
        sum_ = self.lateral(fine) + F.interpolate(self.top(coarse), scale_factor=2.0, mode="bilinear")
        return torch.sigmoid(F.interpolate(self.head(sum_), scale_factor=2.0, mode="bilinear"))


class NoPaint(nn.Module):
    """Paints nothing; programs need an inpainting network."""

    def forward(self, color, gap):
        return color, gap.source


def make_recipe(program: PhotoToLDI, photo: torch.Tensor) -> Recipe:
    """Ranges by smallest and largest value on one photo."""
    graph = network_graphs(program, SIZE.height, SIZE.width)["depth"]
    points = find_points(graph)
    ranges: dict[str, tuple[float, float]] = {}

    class Watch(fx.Interpreter):
        def run_node(self, node):
            value = super().run_node(node)
            if node.name in points.activations:
                leader = points.groups[points.activations[node.name]]
                low, high = ranges.get(leader, (0.0, 0.0))
                ranges[leader] = min(low, float(value.min())), max(high, float(value.max()))
            return value

    with torch.no_grad():
        Watch(graph).run(photo)
    activations = {
        name: ActivationScale(*affine_parameters(*ranges[leader]), *ranges[leader], "minmax")
        for name, leader in points.groups.items()
    }
    weights = {
        points.layers[node.name]: tuple(symmetric_scales(weight_of(graph, node)).tolist())
        for node in graph.graph.nodes
        if node.name in points.layers
    }
    depth = NetworkRecipe(activations, weights, points.float_layers)
    return Recipe("small", {}, {"depth": depth, "inpaint": NetworkRecipe()})


@pytest.fixture(scope="module")
def program() -> PhotoToLDI:
    torch.manual_seed(1)
    depth = SmallDepth()
    # Every weight lies in the middle between two steps of 2⁻⁹.
    odd = 2 * torch.randint(-64, 64, depth.down.weight.shape) + 1
    odd[:, 0, 0, 0] = 254
    depth.down.weight.data.copy_(odd * 2.0**-10)
    return PhotoToLDI(depth, SoftLayering(LayeringConfig(), 64), NoPaint(), 2).eval()


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def recipe(program, photo) -> Recipe:
    return make_recipe(program, photo)


@pytest.fixture(scope="module", params=["int8", "w8"])
def export(request, program, recipe, tmp_path_factory):
    """(precision, recipe, its torch program, file); int8 has one float layer in the middle."""
    for module in ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    precision = request.param
    own = recipe.weights_only() if precision == "w8" else float_layer(recipe, program, "lateral")
    quantised = quantized_program(program, own, 32, 32, folded=False)
    path = tmp_path_factory.mktemp("tflite") / "depth.tflite"
    (converted,) = export_tflite(StageProgram(quantised, "depth", SIZE), {precision: path})
    assert converted.entry.precision == precision
    return precision, own, quantised, path


def float_layer(recipe: Recipe, program: PhotoToLDI, layer: str) -> Recipe:
    """Return the recipe with one more float layer, without what it then does not round."""
    graph = network_graphs(program, 64, 64)["depth"]
    depth = recipe.network("depth")
    points = find_points(graph, {layer: "a test"})
    names = points.activations.values()
    changed = replace(
        depth,
        activations={name: depth.activations[name] for name in names},
        weights={name: scales for name, scales in depth.weights.items() if name != layer},
        float_layers=points.float_layers,
    )
    return replace(recipe, networks={**recipe.networks, "depth": changed})


def run(path, photo: torch.Tensor) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path), num_threads=1).get_signature_runner()
    return runner(photo=photo.permute(0, 2, 3, 1).contiguous().numpy())["disparity"][..., 0]


def test_it_computes_what_the_torch_program_does(export, photo, program, recipe):
    name, _, quantised, path = export
    with torch.no_grad():
        expected = quantised.depth(photo)[:, 0].numpy()
    # Two steps of what the head is given, through its weights and the steepest slope of the sigmoid.
    step = recipe.network("depth").activations["add"].scale
    largest = 2 * step * float(program.depth.network.head.weight.abs().sum()) / 4
    assert np.abs(run(path, photo) - expected).max() <= (1e-5 if name == "w8" else largest)


def test_its_scales_are_the_recipes(export, program):
    name, own, _, path = export
    slots = expected_slots(program, own, "depth", 64, 64)
    found = read_scales("tflite", path, slots)
    assert check_scales(found, own) == []
    layers = ["enter", "depthwise", "down", "lateral", "top"]
    if name == "int8":
        layers.remove("lateral")
    assert [entry.slot.name for entry in found.weights] == layers
    assert len(found.activations) == len(own.network("depth").activations)


def test_a_wrong_scale_is_found(export, program):
    name, own, _, path = export
    slots = expected_slots(program, own, "depth", 64, 64)
    depth = own.network("depth")
    doubled = {**depth.weights, "down": tuple(2 * s for s in depth.weights["down"])}
    other = replace(own, networks={**own.networks, "depth": replace(depth, weights=doubled)})
    differences = check_scales(read_scales("tflite", path, slots), other)
    assert [str(d.slot) for d in differences] == ["depth/down"]
    if name == "w8":
        with pytest.raises(InputError, match="0 tensors rounded to int8"):
            read_scales("tflite", path, expected_slots(program, recipe_of_int8(own, depth), "depth", 64, 64))


def recipe_of_int8(own: Recipe, depth: NetworkRecipe) -> Recipe:
    light = replace(depth, weight_only_layers={})
    return replace(own, networks={**own.networks, "depth": light})


def test_the_networks_alone_are_int8(export, program):
    name, own, _, path = export
    slots = expected_slots(program, own, "depth", 64, 64)
    operations = read_operations("tflite", path, slots)
    by_kind = {kind: {o.precision for o in operations if o.kind == kind} for kind in GEOMETRY}
    assert by_kind == {kind: {"fp32"} for kind in GEOMETRY}
    asked = [o for o in operations if o.slot is not None]
    assert {o.precision for o in asked} == (set() if name == "w8" else {"int8"})
    assert len(asked) == sum(bool(slot.operation) for slot in slots.activations)
    layers = [o.precision for o in operations if o.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    floats = {"int8": 2, "w8": 6}[name]
    assert sorted(layers) == ["fp32"] * floats + ["int8"] * (6 - floats)


def test_weights_stay_int8_in_the_file(export):
    _, own, _, path = export
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    tensors = model.subgraphs[0].tensors
    held = [model.buffers[t.buffer].data for t in tensors if t.type == schema.TensorType.INT8]
    sizes = sorted(len(data) for data in held if data is not None)
    shapes = {"enter": 288, "depthwise": 72, "down": 576, "lateral": 64, "top": 64}
    assert sizes == sorted(shapes[layer] for layer in own.network("depth").weights)


def test_weights_are_rounded_as_in_torch(export, program):
    _, _, _, path = export
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    held = [
        model.buffers[t.buffer].data for t in model.subgraphs[0].tensors if t.type == schema.TensorType.INT8
    ]
    (codes,) = [bytes(bytearray(data)) for data in held if data is not None and len(data) == 576]
    found = np.frombuffer(codes, np.int8).reshape(8, 3, 3, 8).transpose(0, 3, 1, 2)
    # Halves go to the even neighbour.
    assert np.array_equal(found, np.rint(program.depth.network.down.weight.detach().numpy() * 512))


def test_names_are_those_of_operations(export):
    content = export[3].read_bytes()
    assert b"torch.nn" not in content
    assert b"ldikit" not in content


def test_shields_change_no_number(program, recipe, photo):
    graph = network_graphs(program, 64, 64)["depth"]
    quantised = quantize_graph(graph, recipe.network("depth"), folded=False)
    with torch.no_grad():
        before = quantised(photo)
        # The darkest is compared, not computed; the photo is: a scale would be carried back through one.
        assert shield(quantised) == 1
        assert torch.equal(quantised(photo), before)


@pytest.mark.parametrize("content", [b"", b"\x1c\0\0\0TFL3", b"PK\x03\x04" + bytes(60)])
def test_what_is_no_tflite_is_refused(tmp_path, content, program, recipe):
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "x.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.tflite"):
        read_scales("tflite", path, expected_slots(program, recipe, "depth", 64, 64))


@pytest.mark.slow
def test_the_pocket_program_turns_its_layout_a_few_times_only(tmp_path):
    # Chosen greedily, as for so many operations litert-torch would, int8 had 330 transpositions more.
    # Of these 56 most are turns of the fill's small planes.
    size, config = ProgramSize(64, 96), PipelineConfig()
    ready = ready_recipe(config)
    path = tmp_path / "pocket.tflite"
    program = build_program(config, size.height, size.width)
    export_file(program, "program", size, "tflite", "int8", path, Quantisation(ready.recipe, ready.weights))
    kinds = operations(path.read_bytes())
    assert kinds["CONV_2D"] > 70
    assert kinds["TRANSPOSE"] <= 60
    # What phones' GPUs and XNNPACK take whole has neither of these.
    assert not kinds.keys() & {"LESS", "SELECT", "SELECT_V2", "RELU_0_TO_1"}
