"""The float reference on several photos at once, and with its networks in half precision."""

import numpy as np
import pytest
import torch
from ldikit.reference import pipeline
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.shih.network import ShihInpaint
from ldikit.reference.inpaint.shih.unet import PartialUNet
from ldikit.reference.layering.soft import Gap
from ldikit.reference.pipeline import Reference
from ldikit.reference.sizes import LANDSCAPE, PORTRAIT, ProgramSize
from torch import nn

SIZE = ProgramSize(64, 96)


class Red(nn.Module):
    """Red is near; through a convolution, which autocast computes in half precision."""

    normalised = True

    def __init__(self):
        super().__init__()
        self.seen = []
        self.conv = nn.Conv2d(3, 1, 1, bias=False)
        with torch.no_grad():
            self.conv.weight[:] = torch.tensor([0.9, 0.0, 0.0]).view(1, 3, 1, 1)

    def forward(self, photo):
        found = self.conv(photo)
        self.seen.append((tuple(photo.shape), found.dtype))
        return found


class Mean(nn.Module):
    """Paints the mean colour of the context of each photo: batches must not mix theirs."""

    def forward(self, color: torch.Tensor, gap: Gap):
        total = gap.context.sum(dim=(2, 3), keepdim=True).clamp(min=1.0)
        mean = (color * gap.context).sum(dim=(2, 3), keepdim=True) / total
        return mean.expand_as(color), gap.source


@pytest.fixture
def red(monkeypatch):
    network = Red().eval()
    monkeypatch.setattr(pipeline, "depth_network", lambda name, h, w: network)
    monkeypatch.setattr(pipeline, "inpaint_network", lambda name, h, w: Mean())
    return network


def photos(*sizes):
    made = []
    for number, (height, width) in enumerate(sizes):
        photo = np.random.default_rng(number).integers(0, 90, (height, width, 3)).astype(np.uint8)
        photo[height // 4 : height // 2, width // 4 : width // 2, 0] = 255
        made.append(photo)
    return made


def same(one, other, tolerance=1e-6):
    return all(
        np.abs(getattr(one, name) - getattr(other, name)).max() <= tolerance
        for name in ("color", "disparity", "occupancy")
    )


def test_a_batch_gives_what_each_photo_gives_alone(red):
    reference, three = Reference(PipelineConfig(), SIZE), photos((64, 96), (100, 150), (70, 50))
    together = reference.batch(three)
    assert [shape for shape, _ in red.seen] == [(3, 3, 64, 96)]
    alone = [reference(photo) for photo in three]
    assert all(map(same, together, alone))
    assert not same(together[0], together[1], 0.1)
    assert together[0].occupancy[1].max() == 1  # something is hidden, so that painting was compared
    for ldi in together:
        ldi.check()


def test_a_batch_of_both_orientations_keeps_its_order(red):
    reference = Reference()
    given = photos((60, 80), (80, 60), (30, 90))
    assert [ldi.size for ldi in reference.batch(given)] == [(384, 512), (512, 384), (384, 512)]
    assert [shape[:1] + shape[2:] for shape, _ in red.seen] == [
        (2, LANDSCAPE.height, LANDSCAPE.width),
        (1, PORTRAIT.height, PORTRAIT.width),
    ]
    assert reference.batch([]) == []


def test_shih_paints_each_photo_of_a_batch_by_its_own_context(red, monkeypatch):
    torch.manual_seed(0)
    levels, decoders = (4, 6, 8), ("dec_3", "dec_2", "dec_1")
    unets = PartialUNet(4, 1, 2, decoders, levels), PartialUNet(6, 3, 0, decoders, levels)
    network = ShihInpaint(64, 96, *unets).eval()
    monkeypatch.setattr(pipeline, "inpaint_network", lambda name, h, w: network)
    reference, two = Reference(PipelineConfig(), SIZE), photos((64, 96), (64, 96))
    assert all(map(same, reference.batch(two), [reference(photo) for photo in two]))


def test_half_precision_is_for_networks_alone(red):
    (photo,) = photos((64, 96))
    full = Reference(PipelineConfig(), SIZE)(photo)
    half = Reference(PipelineConfig(), SIZE, half=True)(photo)
    assert [dtype for _, dtype in red.seen] == [torch.float32, torch.bfloat16]
    # bfloat16 has 8 bits of a number: up to 1/256 of a disparity below 1.
    assert 0 < np.abs(half.disparity[0] - full.disparity[0]).max() < 1 / 256
    half.check()


def test_one_bad_photo_of_a_batch_is_refused_before_any_work(red):
    with pytest.raises(InputError):
        Reference().batch([*photos((64, 96)), np.zeros((64, 96), np.uint8)])
    assert red.seen == []
