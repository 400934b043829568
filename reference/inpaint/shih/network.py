"""`ShihInpaint`: a gap of our layering as the published networks want to see it, and back."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ...layering.soft import Gap
from ..framing import Border, all_of, any_of, reduction
from .edges import EdgeNet, EdgePlane
from .unet import UNIT, PartialUNet

# Published: depth is one over three times the disparity, which counts as at least 0.05 of that.
SCALE, FARTHEST = 3.0, 0.05
# Published: the colour network sees about as many pixels as this square has.
COLOR_SIDE = 512
# Published: what context and hole enclose within this many pixels becomes hole.
CLOSING = 41
# The mean over the context is divided by at least this share of the frame.
SMALLEST_CONTEXT = 1e-4


class ShihInpaint(nn.Module):
    """The depth network, then the colour network, of Shih et al., CVPR 2020, on the full frame.

    The hole is `gap.unknown`, the context `gap.context`, the far side's depth one over `gap.source`. What the
    paper does besides (crops an edge, cleaned edges, smoothed seams) is not done.

    Args:
        height, width: the size it runs at; multiples of 32.
        depth: the network of `depth-model.pth`.
        color: that of `color-model.pth`.
        edges: that of `edge-model.pth`; None leaves the edges empty.
    """

    def __init__(
        self, height: int, width: int, depth: PartialUNet, color: PartialUNet, edges: EdgeNet | None = None
    ) -> None:
        super().__init__()
        self.depth, self.color = depth, color
        self.edges = None if edges is None else EdgePlane(edges)
        self.factor = reduction(height, width, COLOR_SIDE)
        self.border = Border(height, width, UNIT)
        self.color_border = Border(height // self.factor, width // self.factor, UNIT)

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        """Paint the hidden layer; see `InpaintNetwork`."""
        edges = self._edges(color, gap)
        return self._paint_color(color, gap, edges), self._paint_disparity(gap, edges)

    def _edges(self, color: torch.Tensor, gap: Gap) -> torch.Tensor:
        if self.edges is None:
            return torch.zeros_like(gap.context)
        given = torch.cat([color * gap.context, gap.source, gap.context, gap.unknown], dim=1)
        found = self.edges(*self.border.add(given).split([3, 1, 1, 1], dim=1))
        return self.border.remove(found)

    def _paint_disparity(self, gap: Gap, edges: torch.Tensor) -> torch.Tensor:
        """Return the hidden disparity: the network paints log depth, whose mean over the context is zero."""
        context, source = gap.context, gap.source
        log_depth = -torch.log((SCALE * source).clamp(min=FARTHEST))
        share = context.mean(dim=(2, 3), keepdim=True).clamp(min=SMALLEST_CONTEXT)
        mean = (log_depth * context).mean(dim=(2, 3), keepdim=True) / share
        hole = closed(context, gap.unknown)
        planes = self.border.join((log_depth - mean) * context, edges, context, hole)
        painted = self.border.remove(self.depth(planes)) + mean
        nearer = torch.exp(-painted.clamp(-math.log(SCALE), -math.log(FARTHEST))) / SCALE
        # What is farther than the networks know was drawn nearer for them: as far back again.
        return nearer - F.relu(FARTHEST / SCALE - source)

    def _paint_color(self, color: torch.Tensor, gap: Gap, edges: torch.Tensor) -> torch.Tensor:
        """Return the hidden colour: painted on a smaller frame where this one is larger than in training."""
        context, unknown = gap.context, gap.unknown
        if self.factor > 1:
            context, unknown = all_of(context, self.factor), any_of(unknown, self.factor)
            color = F.avg_pool2d(color, self.factor)
            # Published: a reduced frame has no edges.
            edges = torch.zeros_like(context)
        planes = self.color_border.join(color * context, edges, context, closed(context, unknown))
        painted = torch.sigmoid(self.color_border.remove(self.color(planes)))
        if self.factor > 1:
            painted = F.interpolate(
                painted, scale_factor=float(self.factor), mode="bilinear", align_corners=False
            )
        return painted


def closed(context: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    """Return the hole with what context and hole enclose: their sum, dilated and eroded, less the context.

    Args:
        context, hole: (N, 1, H, W) in [0, 1]; their sum is at most 1.
    """
    filled = -_largest(-_largest(context + hole))
    return torch.maximum(hole, filled - context)


def _largest(plane: torch.Tensor) -> torch.Tensor:
    """Return the largest value of the square of `CLOSING` pixels around each pixel."""
    reach = CLOSING // 2
    rows = F.max_pool2d(plane, (CLOSING, 1), stride=1, padding=(reach, 0))
    return F.max_pool2d(rows, (1, CLOSING), stride=1, padding=(0, reach))
