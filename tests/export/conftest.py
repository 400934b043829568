"""A small program whose disparity follows the photo's red, so that a card in it is a card in the scene."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.export.convert import export_stage
from ldikit.export.golden import stage_tensors
from ldikit.export.protocol import CONVERTERS, ExportedFile, file_path
from ldikit.export.quantisation import Quantisation
from ldikit.export.stages import stage_planes
from ldikit.reference.config import LayeringConfig
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.quantized.affine import affine_parameters, symmetric_scales
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.program import network_graphs
from ldikit.reference.quantized.qdq import weight_of
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe, Recipe
from ldikit.reference.quantized.watching import named_tensors, network_calls
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.parity.tflite_constants import unrounded_program
from ldikit.runtime.parity.unrounded import open_unrounded
from ldikit.runtime.recipe import BundleRecipe
from ldikit.runtime.scales.found import check_scales
from ldikit.runtime.scales.readers import read_scales
from torch import nn

SIZE = ProgramSize(64, 96)
LAYERS = 2


class RedDepth(nn.Module):
    """Red is near. Two convolutions and a batch normalisation, as a network has them."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Conv2d(4, 1, 1)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[:, 0, 1, 1] = torch.tensor([0.5, 1.0, 1.5, 2.0])
            self.norm.running_mean.fill_(0.1)
            self.norm.running_var.fill_(0.25)
            # 0.5·norm undoes the variance: the channels are (w·red − 0.1), and their weighted sum is red.
            self.norm.weight.fill_(0.5)
            self.norm.eps = 0.0
            self.head.weight[0, :, 0, 0] = 0.2
            self.head.bias.fill_(0.08)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) → (1, 1, H, W)."""
        return self.head(self.norm(self.conv(photo))).clamp(0.0, 1.0)


def make_program(size: ProgramSize = SIZE, layers: int = LAYERS) -> PhotoToLDI:
    """`RedDepth`, the real layering, and `PocketInpaint` with seeded random weights that do paint."""
    torch.manual_seed(3)
    inpaint = PocketInpaint(size.height, size.width)
    for module in inpaint.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0.0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    nn.init.normal_(inpaint.head.weight, 0.0, 0.05)
    layering = SoftLayering(LayeringConfig(), max(size.height, size.width))
    return PhotoToLDI(RedDepth(), layering, inpaint, layers).eval().requires_grad_(False)


def make_photo(size: ProgramSize = SIZE) -> np.ndarray:
    """Two near cards (much red) before a slope, with some texture; (1, 3, H, W), multiples of 1/255."""
    rows, columns = np.mgrid[0 : size.height, 0 : size.width]
    red = 0.1 + 0.2 * rows / size.height
    red[12:40, 10:40] = 0.9
    red[30:56, 56:84] = 0.55 + 0.2 * (columns[30:56, 56:84] - 56) / 28
    noise = np.random.default_rng(0).uniform(0, 1, (2, size.height, size.width))
    photo = np.stack([red, 0.5 + 0.3 * noise[0], 0.2 + 0.5 * columns / size.width + 0.1 * noise[1]])
    return (np.round(np.clip(photo, 0, 1) * 255) / 255).astype(np.float32)[None]


@dataclass(frozen=True)
class Export:
    """Files of one format and stage, and what they should give."""

    files: dict[str, ExportedFile]
    paths: dict[str, Path]
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]


def make_recipe(program: PhotoToLDI) -> Recipe:
    """The ranges of every tensor on the small photo, as they are."""
    graphs = network_graphs(program, SIZE.height, SIZE.width)
    ranges: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in graphs}
    points = {name: find_points(graph) for name, graph in graphs.items()}
    for name, inputs in network_calls(program, torch.from_numpy(make_photo())):
        for tensor, values in named_tensors(graphs[name], points[name].activations, inputs):
            leader = points[name].groups[tensor]
            low, high = ranges[name].get(leader, (0.0, 0.0))
            ranges[name][leader] = min(low, float(values.min())), max(high, float(values.max()))
    networks = {}
    for name, graph in graphs.items():
        activations = {}
        for tensor, leader in points[name].groups.items():
            low, high = ranges[name][leader]
            activations[tensor] = ActivationScale(*affine_parameters(low, high), low, high, "minmax")
        weights = {
            points[name].weights[node.name]: tuple(symmetric_scales(weight_of(graph, node)).tolist())
            for node in graph.graph.nodes
            if node.name in points[name].weights
        }
        networks[name] = NetworkRecipe(activations, weights)
    return Recipe("small", {}, networks)


def export_all(
    folder: Path,
    stage: str,
    format: str,
    precisions: tuple[str, ...] = ("fp32", "fp16"),
    quantisation: Quantisation | None = None,
) -> Export:
    """Export a stage of the small program."""
    missing = [module for module in CONVERTERS[format] if find_spec(module) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    program = make_program()
    inputs, outputs = stage_planes(stage, LAYERS)
    tensors = stage_tensors(program, make_photo())[stage]
    given = {plane.name: tensors[plane.name] for plane in inputs}
    expected = {plane.name: tensors[plane.name] for plane in outputs}
    paths = {p: folder / file_path(stage, str(SIZE), format, p) for p in precisions}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    exported = export_stage(program, stage, SIZE, format, paths, (given, expected), quantisation)
    return Export({file.entry.precision: file for file in exported}, paths, given, expected)


@pytest.fixture(scope="session", params=["onnx", "coreml", "tflite"])
def program_export(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The whole program in each format, exported once."""
    return export_all(tmp_path_factory.mktemp(request.param), "program", request.param)


@pytest.fixture(scope="session", params=["depth", "layering", "inpainting"])
def stage_export(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Each stage on its own, in ONNX."""
    return export_all(tmp_path_factory.mktemp(request.param), request.param, "onnx")


@pytest.fixture(scope="session")
def quantisation() -> Quantisation:
    """The recipe of the small program."""
    return Quantisation(make_recipe(make_program()))


@pytest.fixture(scope="session", params=["onnx", "coreml", "tflite"])
def quantised_export(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, quantisation: Quantisation
) -> Export:
    """The inpainting stage in int8 and w8, in each format."""
    folder = tmp_path_factory.mktemp(f"{request.param}-quantised")
    return export_all(folder, "inpainting", request.param, ("int8", "w8"), quantisation)


@pytest.fixture
def small_program() -> PhotoToLDI:
    """The program that is exported."""
    return make_program()


@pytest.fixture
def check_int8(tmp_path: Path) -> Callable[[PhotoToLDI, str, str, float], None]:
    """Export a stage of any program in int8: the recipe's numbers, and torch's operations, are in the file.

    The operations are run without the rounding of activations, beside the torch program without it: through
    many layers, a value between two steps makes more of a difference than a fault of a converter would.
    """

    def check(program: PhotoToLDI, stage: str, format: str, tolerance: float) -> None:
        missing = [module for module in CONVERTERS[format] if find_spec(module) is None]
        if missing:
            pytest.skip(f"{missing[0]} is not installed")
        recipe = make_recipe(program)
        quantisation = Quantisation(recipe)
        inputs, outputs = stage_planes(stage, program.layers)
        tensors = stage_tensors(program, make_photo())[stage]
        given = {plane.name: tensors[plane.name] for plane in inputs}
        expected = {plane.name: tensors[plane.name] for plane in outputs}
        path = tmp_path / file_path(stage, str(SIZE), format, "int8")
        path.parent.mkdir(parents=True)
        golden = (given, expected)
        (file,) = export_stage(program, stage, SIZE, format, {"int8": path}, golden, quantisation)
        slots = quantisation.slots(program, file.entry, SIZE)
        assert check_scales(read_scales(format, path, slots), recipe) == []
        found = run_canonical(open_unrounded(path, file.entry), file.entry.inputs, file.entry.outputs, given)
        plain = unrounded_program(program, BundleRecipe(recipe), SIZE.height, SIZE.width, format == "tflite")
        with torch.no_grad():
            results = getattr(plain, stage)(*(torch.from_numpy(tensor) for tensor in given.values()))
        results = (results,) if isinstance(results, torch.Tensor) else results
        changes = []
        for name, wanted in zip(expected, results, strict=True):
            assert np.abs(found[name] - wanted.numpy()).max() <= tolerance, name
            changes.append(np.abs(wanted.numpy() - expected[name]).max())
        assert max(changes) > 5 * tolerance, "what is exported is not the float program"

    return check
