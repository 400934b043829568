"""A toy photo-to-layers program from end to end: image in, network, geometry, 5-D planes out."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.norm = nn.BatchNorm2d(16)
        self.norm.running_var.uniform_(0.5, 2)
        self.norm.running_mean.uniform_(-0.1, 0.1)
        self.deep = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.mix = nn.Conv2d(16, 16, 1)
        self.down = nn.Conv2d(16, 24, 3, 2, 1)
        self.head = nn.Conv2d(40, 2, 3, 1, 1)

    def forward(self, photo):
        photo = photo / 255
        a = F.relu6(self.norm(self.stem(photo)) * 3)
        b = F.hardswish(self.mix(self.deep(a)))
        c = F.interpolate(F.hardswish(self.down(b)), scale_factor=2, mode="bilinear", align_corners=False)
        d = self.head(torch.cat([b, c], 1))
        d = F.interpolate(d, scale_factor=2, mode="nearest")
        disparity, weight = torch.sigmoid(d[:, :1] * 4), F.hardsigmoid(d[:, 1:])
        envelope = disparity
        for _ in range(4):
            padded = F.pad(envelope, (1, 1, 1, 1), value=2.0)
            near = torch.minimum(padded[..., 1:-1, 2:], padded[..., 1:-1, :-2])
            near = torch.minimum(near, torch.minimum(padded[..., 2:, 1:-1], padded[..., :-2, 1:-1]))
            envelope = torch.minimum(envelope, near + 0.02)
        gap = torch.clamp((disparity - envelope) / 0.1, 0, 1)
        known = torch.where(envelope < disparity, envelope, disparity)
        smooth = F.avg_pool2d(known, 3, 1, 1, count_include_pad=False)
        wide = F.max_pool2d(gap, 5, 1, 2)
        steep = (F.pad(smooth, (1, 1, 0, 0), mode="replicate")[..., 2:] - smooth).abs()
        light = photo * weight + photo.mean((2, 3), keepdim=True) * (1 - weight)
        colour = torch.stack([photo, torch.maximum(light, torch.zeros_like(light))], 1)
        planes = torch.stack([disparity, torch.minimum(smooth, disparity)], 1)
        occupancy = torch.cat([(1 - torch.clamp(steep * 5, 0, 1))[:, None], wide[:, None]], 1)
        return colour, planes, occupancy


@pytest.fixture(scope="module")
def toy():
    return Toy().eval()


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.float32)
    big = F.interpolate(torch.from_numpy(coarse).permute(2, 0, 1)[None], (48, 64), mode="bicubic")
    return big[0].permute(1, 2, 0).clamp(0, 255).numpy().astype(np.uint8)


@pytest.fixture(scope="module")
def wanted(toy, photo):
    with torch.no_grad():
        outputs = toy(torch.from_numpy(photo).permute(2, 0, 1)[None].float())
    return [output.numpy() for output in outputs]


def options(ct):
    return {
        "inputs": [ct.ImageType(name="photo", shape=(1, 3, 48, 64), color_layout=ct.colorlayout.RGB)],
        "outputs": [ct.TensorType(name=name) for name in ("color", "disparity", "occupancy")],
    }


@pytest.fixture(scope="module")
def full(ct, convert, toy):
    return convert(toy, torch.zeros(1, 3, 48, 64), **options(ct))


@pytest.fixture(scope="module")
def half(ct, convert, toy):
    return convert(toy, torch.zeros(1, 3, 48, 64), half=True, **options(ct))


def test_what_goes_in_and_out(full):
    (image,) = full.inputs
    assert (image.name, image.kind, image.shape, image.dtype) == ("photo", "image", (48, 64, 3), "uint8")
    assert [o.name for o in full.outputs] == ["color", "disparity", "occupancy"]
    assert full.outputs[0].shape == (1, 2, 3, 48, 64)
    assert full.unsupported() == []
    kinds = {operation.type for operation in full.operations}
    assert {"conv", "upsample_bilinear", "pad", "minimum", "less", "select", "avg_pool"} <= kinds


def test_float32_equals_torch(full, photo, wanted, relative_error):
    got = full.predict({"photo": photo})
    for name, want in zip(("color", "disparity", "occupancy"), wanted, strict=True):
        assert relative_error(got[name], want) <= 1e-5
    assert full.stats.peak == 255
    assert full.stats.peak_name == "photo"


def test_half_precision_is_what_torch_makes_of_it(toy, half, photo, wanted, relative_error):
    with torch.no_grad():
        pixels = torch.from_numpy(photo).permute(2, 0, 1)[None].half()
        halves = [output.float().numpy() for output in copy.deepcopy(toy).half()(pixels)]
    once = half.predict({"photo": photo})
    rough = half.predict({"photo": photo}, precision="pessimistic")
    for name, want, other in zip(("color", "disparity", "occupancy"), wanted, halves, strict=True):
        error = relative_error(once[name], want)
        assert 1e-5 < error < 1e-2
        # Folding the batch norm and 1/255 for a division change single roundings.
        assert error <= 1.5 * relative_error(other, want)
        assert relative_error(rough[name], want) < 2e-2
    assert any((once[name] != rough[name]).any() for name in once)
    assert half.stats.overflows == ()


def test_half_precision_values_are_half_precision_numbers(half, photo):
    names = tuple(
        name
        for operation in half.operations
        for name, dtype in zip(operation.names, operation.dtypes, strict=True)
        if dtype == "fp16"
    )
    taps = half.predict({"photo": photo}, taps=names)
    assert len(names) > 30
    for name in names:
        assert np.array_equal(taps[name], taps[name].astype(np.float16).astype(np.float32)), name


def test_an_image_in_another_channel_order_is_another_result(full, photo, wanted, relative_error):
    got = full.predict({"photo": photo[..., ::-1].copy()})
    assert relative_error(got["color"], wanted[0]) > 0.1


def test_repeated_prediction_is_the_same_and_inputs_are_untouched(full, photo):
    before = photo.copy()
    first, second = full.predict({"photo": photo}), full.predict({"photo": photo})
    assert np.array_equal(photo, before)
    for name in first:
        assert np.array_equal(first[name], second[name])


def test_loading_needs_neither_torch_nor_coremltools(full):
    code = (
        "import sys; from ldikit.runtime.mil import load; m = load(sys.argv[1]); m.operations;"
        "assert not {'torch', 'coremltools'} & set(sys.modules), 'loaded';"
        "import numpy as np; m.predict({'photo': np.zeros((48, 64, 3), np.uint8)});"
        "assert 'coremltools' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(full.path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
