"""`pocket`: the small depth network whose weights are embedded in the package."""

import torch
from torch import nn
from torch.nn import functional as F

from ..blocks import InvertedResidual, conv_unit, upsample2, upsample_to
from ..weights.store import load_embedded
from .protocol import depth_networks

WEIGHTS = "pocket_depth.safetensors"


class PocketDepth(nn.Module):
    """A U-Net of inverted residuals on the photo at half size: what is where needs no more pixels than that.

    Five halvings, and a decoder of depthwise-separable units back to a quarter of the photo's size. The row's
    height in the picture is given as a fourth channel: it is the strongest single cue of depth in photos (the
    ground below, the sky above), and a convolution cannot otherwise tell rows apart.

    Args:
        height, width: the size it runs at; multiples of 32.
    """

    normalised = True
    soft_edges = True
    rows: torch.Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        rows = torch.linspace(-1.0, 1.0, height // 2).view(1, 1, -1, 1).expand(1, 1, -1, width // 2)
        self.register_buffer("rows", rows.contiguous(), persistent=False)
        self.stem = conv_unit(4, 16, stride=2)
        self.stage4 = nn.Sequential(InvertedResidual(16, 24, 3, 3, 2), InvertedResidual(24, 24, 3))
        self.stage8 = nn.Sequential(InvertedResidual(24, 40, 4, 5, 2), InvertedResidual(40, 40, 3, 5))
        self.stage16 = nn.Sequential(
            InvertedResidual(40, 80, 4, 5, 2), InvertedResidual(80, 80, 3, 5), InvertedResidual(80, 80, 3, 5)
        )
        self.stage32 = nn.Sequential(
            InvertedResidual(80, 128, 4, 5, 2),
            InvertedResidual(128, 128, 3, 5),
            InvertedResidual(128, 128, 3, 5),
        )
        self.laterals = nn.ModuleList(
            [nn.Conv2d(c, w, 1) for c, w in ((80, 64), (40, 40), (24, 32), (16, 24))]
        )
        self.tops = nn.ModuleList([nn.Conv2d(c, w, 1) for c, w in ((128, 64), (64, 40), (40, 32), (32, 24))])
        self.merges = nn.ModuleList(
            [nn.Sequential(conv_unit(c, c, 5, groups=c), conv_unit(c, c, 1)) for c in (64, 40, 32, 24)]
        )
        self.head = nn.Conv2d(24, 1, 3, padding=1)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """Map photos (N, 3, H, W) RGB in [0, 1] to disparity (N, 1, H, W) in [0, 1], larger is nearer."""
        return upsample2(self.at_half_size(F.avg_pool2d(photo, 2)))

    def at_half_size(self, photo: torch.Tensor) -> torch.Tensor:
        """Map photos (N, 3, H/2, W/2) to disparity (N, 1, H/2, W/2): what training works on."""
        rows = self.rows if photo.shape[0] == 1 else self.rows.expand(photo.shape[0], -1, -1, -1)
        features = [self.stem(torch.cat([photo * 2.0 - 1.0, rows], dim=1))]
        for stage in (self.stage4, self.stage8, self.stage16, self.stage32):
            features.append(stage(features[-1]))
        merged = features.pop()
        for lateral, top, merge in zip(self.laterals, self.tops, self.merges, strict=True):
            finer = lateral(features.pop())
            merged = merge(finer + upsample_to(top(merged), finer))
        return torch.sigmoid(upsample2(self.head(merged)))


@depth_networks.register("pocket")
def pocket_depth(height: int, width: int) -> nn.Module:
    """Return `PocketDepth` with the embedded weights."""
    network = PocketDepth(height, width)
    load_embedded(network, WEIGHTS)
    return network.eval()
