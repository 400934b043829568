"""`midas-small`: the published checkpoint's names and shapes, the published map, and what loading refuses."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from ldikit.reference.depth.midas_small.encoder import SameConv
from ldikit.reference.depth.midas_small.network import (
    Fusion,
    MidasSmall,
    load_midas_small,
    working_size,
)
from ldikit.reference.errors import InputError
from ldikit.reference.networks import depth_network
from torch.nn import functional as F

# From the definitions of the published network: gen-efficientnet's tf_efficientnet_lite3 as timm 1.0 builds
# it, under the names of MiDaS' _make_efficientnet_backbone, and MidasNet_small's decoder. Its authors load
# the checkpoint strictly into that, so these are the checkpoint's keys.
SHAPES = json.loads(Path(__file__).with_name("midas_v21_small_256.shapes.json").read_text())


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Seeded weights of the published names and shapes."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in SHAPES.items():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(1000)
        elif name.endswith("running_var"):
            weights[name] = torch.rand(shape, generator=generator) + 0.5
        elif len(shape) == 4:
            fan_in = shape[1] * shape[2] * shape[3]
            weights[name] = torch.randn(shape, generator=generator) / fan_in**0.5
        else:
            weights[name] = torch.rand(shape, generator=generator) * 0.5
    return weights


@pytest.fixture(scope="module")
def checkpoint(weights, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("midas") / "midas_v21_small_256.pt"
    torch.save(weights, path)
    return path


def test_names_and_shapes_are_the_published_ones():
    state = MidasSmall(64, 64).state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == SHAPES
    assert sum(p.numel() for p in MidasSmall(64, 64).parameters()) == 21_320_545  # 21 M in MiDaS' README


def test_the_working_size_is_the_published_one():
    assert working_size(384, 512) == (192, 256)
    assert working_size(512, 384) == (256, 192)
    assert working_size(2048, 64) == (256, 32)
    assert working_size(64, 96) == (64, 96)
    assert working_size(288, 512) == (128, 256)  # 144 is halfway between multiples: the even one


def test_forward(checkpoint):
    network = load_midas_small(checkpoint, 64, 96)
    photos = torch.rand((2, 3, 64, 96), generator=torch.Generator().manual_seed(1))
    both = network(photos)
    assert both.shape == (2, 1, 64, 96)
    assert both.min() >= 0 and torch.isfinite(both).all() and both.std() > 0
    torch.testing.assert_close(network(photos[1:]), both[1:])
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_larger_photos_are_worked_on_at_half_size(checkpoint):
    small = load_midas_small(checkpoint, 32, 256)
    large = load_midas_small(checkpoint, 64, 512)
    photo = torch.rand((1, 3, 32, 256), generator=torch.Generator().manual_seed(1))
    doubled = photo.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = F.interpolate(small(photo), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(large(doubled), expected)


def test_photos_are_normalised_as_imagenet_is(checkpoint):
    network = load_midas_small(checkpoint, 64, 64)
    grey = network.normalisation(torch.full((1, 3, 1, 1), 0.5))
    expected = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    torch.testing.assert_close(grey.flatten(), torch.tensor(expected))


@pytest.mark.parametrize(("kernel", "offset"), [(3, 0), (5, 1)])
def test_same_padding_is_tensorflows(kernel, offset):
    # 4 pixels, stride 2: outputs begin at pixel 0 and 2, one more pixel of padding after than before.
    conv = SameConv(1, 1, kernel, stride=2)
    row = torch.tensor([1.0, 10.0, 100.0, 1000.0]).view(1, 1, 1, 4).expand(1, 1, 4, 4)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, offset, offset] = 1.0
    torch.testing.assert_close(conv(row)[0, 0], torch.tensor([[1.0, 100.0], [1.0, 100.0]]))


def test_fusion_is_the_published_one():
    # Published: add, refine, upsample, then narrow.
    torch.manual_seed(0)
    fusion = Fusion(8, 4)
    finer, coarser = torch.randn(2, 1, 8, 6, 10)

    def unit(module, features):
        return module.conv2(module.conv1(features.relu()).relu()) + features

    total = unit(fusion.resConfUnit2, coarser + unit(fusion.resConfUnit1, finer))
    upsampled = F.interpolate(total, size=(12, 20), mode="bilinear", align_corners=True)
    torch.testing.assert_close(fusion(finer, coarser), fusion.out_conv(upsampled), atol=1e-5, rtol=1e-5)


def test_a_file_of_ones_own_is_loaded_by_its_path(checkpoint, weights):
    network = depth_network(str(checkpoint), 64, 64)
    assert isinstance(network, MidasSmall)
    torch.testing.assert_close(network.scratch.output_conv[4].weight, weights["scratch.output_conv.4.weight"])


def test_the_name_says_what_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setenv("LDIKIT_MODELS", str(tmp_path))
    with pytest.raises(InputError, match=r"ldikit models get midas-small.*midas_v21_small_256\.pt"):
        depth_network("midas-small", 64, 64)


def test_every_key_that_does_not_fit_is_named(weights, tmp_path):
    wrong = dict(weights)
    missing = ["pretrained.layer1.0.weight", "scratch.refinenet4.out_conv.bias"]
    for name in missing:
        del wrong[name]
    wrong["pretrained.layer9.weight"] = torch.zeros(1)
    wrong["scratch.output_conv.4.weight"] = torch.zeros(1, 64, 1, 1)
    torch.save(wrong, tmp_path / "wrong.pt")
    with pytest.raises(InputError) as caught:
        load_midas_small(tmp_path / "wrong.pt", 64, 64)
    for said in (*missing, "pretrained.layer9.weight", "(1, 64, 1, 1), not (1, 32, 1, 1)"):
        assert said in str(caught.value)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    ran = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return Path.touch, (ran,)

    torch.save({"pretrained.layer1.0.weight": Bomb()}, tmp_path / "bomb.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.pt", "plain.pt"):
        with pytest.raises(InputError, match=name):
            load_midas_small(tmp_path / name, 64, 64)
    assert not ran.exists()
