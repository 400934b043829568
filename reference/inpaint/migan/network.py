"""`MiganInpaint`: a gap of our layering as MI-GAN wants to see it, and back."""

import torch
from torch import nn
from torch.nn import functional as F

from ...layering.soft import Gap
from ..framing import Border, all_of, reduction
from .generator import Generator


class MiganInpaint(nn.Module):
    """MI-GAN (Sargsyan et al., ICCV 2023) on the full frame; the disparity is the far side's, carried level.

    Known is the context alone: all else, the surface in front too, is hole. The published demo squeezes
    a photo into a square; the network is convolutional, so here the frame keeps its shape.

    Args:
        height, width: the size it runs at; multiples of 32.
        generator: made for `migan_frame(height, width)`.
    """

    def __init__(self, height: int, width: int, generator: Generator) -> None:
        super().__init__()
        self.generator = generator
        self.factor, self.border = migan_frame(height, width, generator.sides[0])

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        """Paint the hidden layer; see `InpaintNetwork`."""
        known = gap.context
        if self.factor > 1:
            known, color = all_of(known, self.factor), F.avg_pool2d(color, self.factor)
        planes = self.border.add(torch.cat([known, (color * 2.0 - 1.0) * known], dim=1))
        painted = self.generator(torch.cat([planes[:, :1] - 0.5, planes[:, 1:]], dim=1))
        painted = self.border.remove(painted) * 0.5 + 0.5
        if self.factor > 1:
            scale = float(self.factor)
            painted = F.interpolate(painted, scale_factor=scale, mode="bilinear", align_corners=False)
        return painted, gap.source


def migan_frame(height: int, width: int, resolution: int) -> tuple[int, Border]:
    """Return by how much a frame is reduced, and the border that the reduced frame gets."""
    factor = reduction(height, width, resolution)
    return factor, Border(height // factor, width // factor, resolution // 4)
