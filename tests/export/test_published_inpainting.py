"""The operations of `shih` and `migan` in every format, on networks of few layers: what torch gives."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from ldikit.export.convert import export_stage
from ldikit.export.golden import stage_tensors
from ldikit.export.protocol import CONVERTERS, file_path
from ldikit.export.stages import stage_planes
from ldikit.reference.inpaint.migan.generator import Generator
from ldikit.reference.inpaint.migan.network import MiganInpaint
from ldikit.reference.inpaint.shih import network as shih_network
from ldikit.reference.inpaint.shih.network import ShihInpaint
from ldikit.reference.inpaint.shih.unet import PartialUNet
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.backends.loader import open_runner
from torch import nn

SIZE = ProgramSize(64, 96)
# Three levels hold every kind of layer.
LEVELS, DECODERS = (4, 6, 8), ("dec_3", "dec_2", "dec_1")

SLOW_BUT_ONNX = ["onnx", *(pytest.param(name, marks=pytest.mark.slow) for name in ("coreml", "tflite"))]


def shih():
    depth, color = PartialUNet(4, 1, 2, DECODERS, LEVELS), PartialUNet(6, 3, 0, DECODERS, LEVELS)
    network = ShihInpaint(64, 96, depth, color)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0.0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    # What fresh networks paint hardly differs from one place to the next.
    for head in (depth.dec_1, color.dec_1):
        nn.init.normal_(head.conv.input_conv.weight, 0.0, 0.5)
    return network


def migan():
    # Three levels, on a quarter of the frame.
    generator = Generator(16, 16, 24)
    for name, value in generator.named_parameters():
        if name.endswith("weight") and ".filter." not in name:
            nn.init.normal_(value)
            value.data /= value.data.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        if name.endswith("noise_strength"):
            nn.init.constant_(value, 0.3)
    for name, value in generator.named_buffers():
        if name.endswith("noise_const"):
            nn.init.normal_(value)
    return MiganInpaint(64, 96, generator)


def a_photo():
    """A near card before a slope: red is near."""
    photo = np.random.default_rng(0).uniform(0.2, 0.8, (1, 3, 64, 96))
    photo[0, 0] = np.linspace(0.1, 0.3, 64)[:, None]
    photo[0, 0, 16:44, 20:60] = 0.9
    return photo.astype(np.float32)


@pytest.mark.parametrize("make", [shih, migan])
@pytest.mark.parametrize("format", ["onnx", "tflite", "coreml"])
def test_inpainting_stage_equals_torch(tmp_path, small_program, format, make, monkeypatch):
    missing = [module for module in CONVERTERS[format] if find_spec(module) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    # Colour on half the frame, as at 768 × 1024.
    monkeypatch.setattr(shih_network, "COLOR_SIDE", 32)
    torch.manual_seed(5)
    small_program.inpainting.network = make().eval()
    program = small_program.requires_grad_(False)
    inputs, outputs = stage_planes("inpainting", program.layers)
    tensors = stage_tensors(program, a_photo())["inpainting"]
    given = {plane.name: tensors[plane.name] for plane in inputs}
    expected = {plane.name: tensors[plane.name] for plane in outputs}
    hidden = given["occupancy"] == 1
    assert hidden.sum() > 300
    assert expected["hidden_color"][0][:, hidden[0, 0]].std() > 0.02
    path = tmp_path / file_path("inpainting", str(SIZE), format, "fp32")
    path.parent.mkdir(parents=True)
    (file,) = export_stage(program, "inpainting", SIZE, format, {"fp32": path}, (given, expected))
    found = run_canonical(open_runner(path, file.entry), file.entry.inputs, file.entry.outputs, given)
    for name, wanted in expected.items():
        assert np.abs(found[name] - wanted).max() <= 1e-5, name


@pytest.mark.parametrize(
    ("make", "tolerance"), [pytest.param(shih, 2e-5, marks=pytest.mark.slow), (migan, 5e-5)]
)
@pytest.mark.parametrize("format", SLOW_BUT_ONNX)
def test_int8_is_the_recipes_program(small_program, format, make, tolerance, monkeypatch, check_int8):
    monkeypatch.setattr(shih_network, "COLOR_SIDE", 32)
    torch.manual_seed(5)
    small_program.inpainting.network = make().eval()
    check_int8(small_program.requires_grad_(False), "inpainting", format, tolerance)
