"""Multiply-accumulates against formulas by hand."""

import pytest
import torch
from ldikit.reference.config import LayeringConfig
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.program import PhotoToLDI
from ldikit.runtime.profiling.macs import count_macs, stage_calls
from torch import nn


class Depth(nn.Module):
    normalised = True

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.head = nn.Conv2d(8, 4, 1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, photo):
        return torch.sigmoid(self.shuffle(self.head(self.depthwise(self.stem(photo)))))


class Inpaint(nn.Module):
    def __init__(self):
        super().__init__()
        self.color = nn.Conv2d(3, 3, 1)

    def forward(self, color, gap):
        return self.color(color), gap.source


@pytest.mark.parametrize("layers", [2, 3])
def test_macs_by_stage(layers):
    program = PhotoToLDI(Depth(), SoftLayering(LayeringConfig(), 64), Inpaint(), layers)
    half, full = 32 * 16, 64 * 32
    depth = half * (3 * 8 * 9 + 8 * 25 + 8 * 4)
    inpainting = full * 9 * (layers - 1)
    assert count_macs(program, 32, 64) == {
        "program": depth + inpainting,
        "depth": depth,
        "layering": 0,
        "inpainting": inpainting,
    }
    assert stage_calls(layers) == {
        "program": 1,
        "depth": 1,
        "layering": layers,
        "inpainting": layers - 1,
    }
