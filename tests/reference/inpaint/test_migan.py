"""`migan`: its published checkpoint, its generator against one written out here, what it sees of a gap."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.reference.config import LayeringConfig
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.migan.files import migan_from, migan_layout
from ldikit.reference.inpaint.migan.generator import Generator
from ldikit.reference.inpaint.migan.network import MiganInpaint, migan_frame
from ldikit.reference.layering.soft import Gap, SoftLayering
from ldikit.reference.networks import inpaint_network
from ldikit.reference.pipeline import as_ldi
from ldikit.reference.program import PhotoToLDI
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent
NAME = "migan_512_places2.pt"


def published(resolution):
    """Keys and shapes, from `migan_inference.py` of Picsart-AI-Research/MI-GAN."""
    return json.loads((HERE / f"migan_{resolution}.shapes.json").read_text())


def checkpoint(resolution, **changed):
    """Published keys and shapes: fixed planes as they are, noise counted up, all else one stored number."""
    weights = {}
    for key, shape in published(resolution).items():
        if key.endswith("filter_const"):
            weights[key] = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).repeat(1, 1, shape[2] // 2, shape[3] // 2)
        elif key.endswith("noise_const"):
            weights[key] = torch.arange(float(math.prod(shape))).view(shape)
        else:
            weights[key] = torch.tensor(0.01).expand(shape)
    return {key: value for key, value in (weights | changed).items() if value is not None}


@pytest.mark.parametrize("resolution", [256, 512])
def test_layout_is_the_published_one(resolution):
    with torch.device("meta"):
        generator = Generator(resolution, 384, 512)
    found = {key: list(value.shape) for key, value in migan_layout(generator).items()}
    assert found == published(resolution)


@pytest.mark.parametrize("resolution", [256, 512])
def test_published_file_makes_the_network_of_any_shape(tmp_path, resolution):
    torch.save(checkpoint(resolution), tmp_path / NAME)
    for name in (tmp_path, tmp_path / NAME):
        network = inpaint_network(str(name), 384, 640)
        assert not network.training
    planes = dict(network.generator.named_buffers())
    # Of 512, 384 × 640 is padded to 384 × 640; of 256 it is halved, and 192 × 320 is a multiple of 64.
    height, width = (384, 640) if resolution == 512 else (192, 320)
    noise = planes[f"synthesis.b{resolution}.conv1.noise_const"]
    assert noise.shape == (height, width)
    side = resolution
    # It starts again where the published one ends.
    assert noise[5, 3] == noise[5, side + 3] == 5 * side + 3
    assert planes["synthesis.b8.conv1.noise_const"].shape == (height * 8 // side, width * 8 // side)
    spread = planes[f"synthesis.b{resolution}.upsample.filter_const"][0, 0]
    assert spread.shape == (height, width)
    assert spread[::2, ::2].min() == 1 and spread.sum() == height * width / 4


def test_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("LDIKIT_MODELS", str(tmp_path))
    with pytest.raises(InputError, match="the weights of migan are not here"):
        inpaint_network("migan", 64, 96)
    (tmp_path / "migan").mkdir()
    torch.save(checkpoint(512), tmp_path / "migan" / NAME)
    assert isinstance(inpaint_network("migan", 64, 96), MiganInpaint)


def test_wrong_files_give_one_line(tmp_path):
    key, fixed = "encoder.b4.conv1.conv1.bias", "synthesis.b8.upsample.filter_const"
    path = tmp_path / "wrong.pt"
    torch.save(checkpoint(512, **{key: None, "more": torch.zeros(1)}), path)
    with pytest.raises(InputError) as caught:
        migan_from(path, 64, 96)
    assert str(caught.value) == (f"{path} holds weights of another network; missing: {key}; unexpected: more")
    torch.save(checkpoint(512, **{fixed: torch.ones(1, 1, 8, 8)}), path)
    with pytest.raises(InputError, match=f"{fixed} must be 1 in every second row and column, else 0"):
        migan_from(path, 64, 96)
    for name in ("migan_256_ffhq.pt", NAME):
        torch.save({}, tmp_path / name)
    with pytest.raises(InputError, match=f"several checkpoints of migan \\(migan_256_ffhq.pt, {NAME}\\)"):
        inpaint_network(str(tmp_path), 64, 96)


def act(x):
    return (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-256, 256)


def separable(w, name, x):
    """Depthwise, then pointwise; ÷2 between them, ×2 and noise after, where there are weights for it."""
    channels = x.shape[1]
    x = act(F.conv2d(x, w[f"{name}.conv1.weight"], w[f"{name}.conv1.bias"], padding=1, groups=channels))
    if f"{name}.downsample.filter.weight" in w:
        x = F.conv2d(x, w[f"{name}.downsample.filter.weight"], stride=2, padding=1, groups=channels)
    x = F.conv2d(x, w[f"{name}.conv2.weight"])
    if f"{name}.upsample.filter.weight" in w:
        x = doubled(x, w[f"{name}.upsample.filter.weight"])
    if f"{name}.noise_const" in w:
        x = x + w[f"{name}.noise_const"] * w[f"{name}.noise_strength"]
    return act(x)


def doubled(x, weight):
    """Zeros between pixels, then the filter: a transposed convolution with the kernel turned round."""
    return F.conv_transpose2d(x, weight.flip(2, 3), stride=2, padding=1, groups=x.shape[1])


def generated(w, x, resolution):
    beside, side = {}, resolution
    x = act(F.conv2d(x, w[f"encoder.b{side}.fromrgb.weight"], w[f"encoder.b{side}.fromrgb.bias"]))
    while side >= 4:
        beside[side] = separable(w, f"encoder.b{side}.conv1", x)
        x = separable(w, f"encoder.b{side}.conv2", beside[side])
        side //= 2
    color = 0.0
    for side in sorted(beside):
        x = separable(w, f"synthesis.b{side}.conv1", x) + beside[side]
        x = separable(w, f"synthesis.b{side}.conv2", x)
        if side > 4:
            color = doubled(color, w[f"synthesis.b{side}.upsample.filter.weight"])
        color = color + F.conv2d(x, w[f"synthesis.b{side}.torgb.weight"], w[f"synthesis.b{side}.torgb.bias"])
    return color


def random_generator(height, width, seed=0):
    """Three levels; weights of unit norm, as published, and noise that counts."""
    torch.manual_seed(seed)
    generator = Generator(16, height, width)
    for name, value in generator.named_parameters():
        if name.endswith("weight") and ".filter." not in name:
            nn.init.normal_(value)
            value.data /= value.data.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        if name.endswith("noise_strength"):
            nn.init.constant_(value, 0.3)
    for name, value in generator.named_buffers():
        if name.endswith("noise_const"):
            nn.init.normal_(value)
    return generator.eval().requires_grad_(False)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 24)])
def test_generator_equals_the_one_written_out(height, width):
    generator = random_generator(height, width)
    planes = torch.randn(1, 4, height, width)
    expected = generated(generator.state_dict(), planes, 16)
    assert expected.std() > 0.1
    assert (generator(planes) - expected).abs().max() < 1e-4 * expected.abs().max()


class Seen(nn.Module):
    """Keeps what it is given and gives back its colour."""

    sides = (16,)

    def forward(self, planes):
        self.planes = planes
        return planes[:, 1:]


def test_known_is_the_context_and_the_disparity_is_the_far_sides():
    generator, color = Seen(), torch.rand(1, 3, 18, 16)
    zero = torch.zeros(1, 1, 18, 16)
    context = zero.clone()
    context[..., :6], context[..., 6] = 1, 0.25
    source = torch.rand(1, 1, 18, 16)
    painted, disparity = MiganInpaint(18, 16, generator)(color, Gap(zero, source, zero, zero, context))
    # Sides are multiples of four here: one row more above and below, not known.
    assert generator.planes.shape == (1, 4, 20, 16)
    assert generator.planes[0, :, [0, -1]].abs().unique().tolist() == [0, 0.5]
    known, rgb = generator.planes[0, 0, 1:-1], generator.planes[0, 1:, 1:-1]
    assert torch.equal(known, context[0, 0] - 0.5)
    assert torch.allclose(rgb, (2 * color[0] - 1) * context[0])
    assert torch.allclose(painted[..., :6], color[..., :6], atol=1e-6)
    assert (painted[..., 7:] == 0.5).all()
    assert disparity is source


def test_a_large_frame_is_reduced():
    generator, color = Seen(), torch.rand(1, 3, 64, 96)
    zero = torch.zeros(1, 1, 64, 96)
    context = zero.clone()
    context[..., :42] = 1
    assert migan_frame(64, 96, 16)[0] == 4
    painted, _ = MiganInpaint(64, 96, generator)(color, Gap(zero, zero, zero, zero, context))
    assert generator.planes.shape == (1, 4, 16, 24)
    # Columns 40 to 43 are one: not all of it is known.
    assert generator.planes[0, 0, 3].tolist() == [0.5] * 10 + [-0.5] * 14
    assert torch.allclose(generator.planes[0, 1:, 3, 2], 2 * color[0, :, 12:16, 8:12].mean((1, 2)) - 1)
    assert painted.shape == color.shape


class Given(nn.Module):
    normalised = True

    def forward(self, photo):
        field = photo.new_full((1, 1, 64, 96), 0.1)
        field[..., 20:50, 30:60] = 0.8
        return field


def test_program_is_valid_and_nothing_of_the_foreground_bleeds_in():
    network = MiganInpaint(64, 96, random_generator(16, 24))
    program = PhotoToLDI(Given(), SoftLayering(LayeringConfig(), 96), network, 2).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(4)
    photo = torch.rand(1, 3, 64, 96, generator=generator)
    other = photo.clone()
    other[..., 19:51, 29:61] = torch.rand(1, 3, 32, 32, generator=generator)
    before, after = (as_ldi(program(p)) for p in (photo, other))
    assert before.violations(photo[0].numpy()) == []
    filled = before.occupancy[1, 0] == 1
    assert filled.sum() > 300
    assert before.color[1][:, filled].std() > 0.02
    assert np.abs(before.color - after.color)[1][:, filled].max() < 1e-6
