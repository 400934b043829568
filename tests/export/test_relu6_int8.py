"""A network with ReLU6 as a function, and with a layer on a plane that never changes."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.calibration.calibrate import calibrate
from ldikit.calibration.samples import CalibrationSamples
from ldikit.export.convert import export_file
from ldikit.export.protocol import CONVERTERS
from ldikit.export.quantisation import Quantisation
from ldikit.reference.config import PipelineConfig
from ldikit.reference.networks import depth_networks
from ldikit.reference.pipeline import build_program
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.backends.loader import open_runner
from ldikit.runtime.scales.found import check_scales
from ldikit.runtime.scales.readers import read_scales
from torch import nn
from torch.nn import functional as F

SIZE = ProgramSize(64, 96)
CONFIG = PipelineConfig(depth="test_relu6_depth", layers=2)


class Relu6Depth(nn.Module):
    """Both ways of writing ReLU6, with values on both sides of its cap, and the heights of the rows."""

    normalised = True
    rows: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.register_buffer("rows", torch.linspace(-1, 1, 32).view(1, 1, -1, 1).repeat(1, 1, 1, 48))
        self.enter = nn.Conv2d(3, 8, 3, 2, 1)
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.ReLU6())
        self.place = nn.Conv2d(1, 8, 1)
        self.after = nn.Conv2d(8, 8, 1)
        self.head = nn.Conv2d(8, 1, 1)
        with torch.no_grad():
            self.enter.weight *= 12

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        features = self.deep(F.relu6(self.enter(photo * 2.0 - 1.0)))
        placed = self.after(features + self.place(self.rows))
        return torch.sigmoid(F.interpolate(self.head(placed), scale_factor=2.0, mode="bilinear"))


if "test_relu6_depth" not in depth_networks:
    depth_networks.register("test_relu6_depth")(lambda height, width: Relu6Depth().eval())


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIZE.height, SIZE.width, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def program() -> PhotoToLDI:
    return build_program(CONFIG, SIZE.height, SIZE.width)


@pytest.fixture(scope="module")
def quantisation() -> Quantisation:
    samples = CalibrationSamples("given", [("one", pixels)], lambda height, width: SIZE)
    return Quantisation(calibrate(CONFIG, samples))


def test_relu6_is_part_of_its_layer_and_constants_are_no_layers(quantisation: Quantisation) -> None:
    recipe = quantisation.recipe.networks["depth"]
    # One tensor a layer with its activation: what a layer gives before the cap is never rounded.
    assert list(recipe.activations) == ["sub", "enter", "deep.0", "add", "after"]
    assert list(recipe.weights) == ["enter", "deep.0", "after"]
    assert list(recipe.float_layers) == ["head"]
    assert recipe.activations["enter"].high == pytest.approx(6.0)


@pytest.mark.parametrize("format", ["onnx", "coreml", "tflite"])
def test_every_format_gives_what_the_oracle_gives(
    format: str, quantisation: Quantisation, program: PhotoToLDI, tmp_path: Path
) -> None:
    missing = [module for module in CONVERTERS[format] if find_spec(module) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    path = tmp_path / f"depth.{'mlpackage' if format == 'coreml' else format}"
    entry = export_file(program, "depth", SIZE, format, "int8", path, quantisation).entry
    assert entry.not_int8 == ()
    slots = quantisation.slots(program, entry, SIZE)
    assert slots is not None
    assert check_scales(read_scales(format, path, slots), quantisation.recipe) == []
    photo = pixels().transpose(2, 0, 1)[None].astype(np.float32) / 255
    (found,) = run_canonical(open_runner(path, entry), entry.inputs, entry.outputs, {"photo": photo}).values()
    with torch.no_grad():
        wanted = quantisation.exported(program, "int8", "onnx", SIZE).depth(torch.from_numpy(photo)).numpy()
        float_depth = program.depth(torch.from_numpy(photo)).numpy()
    # The layer that gives the result is float; a step of the layer before it is worth this much here.
    assert np.abs(found - wanted).max() < 0.004
    assert 2 * np.abs(found - wanted).mean() < np.abs(wanted - float_depth).mean()
