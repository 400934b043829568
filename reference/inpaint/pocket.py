"""`pocket`: the small inpainting network whose weights are embedded in the package."""

import math

import torch
from torch import nn

from ..blocks import conv_unit, halved, upsample2
from ..layering.soft import Gap
from ..weights.store import load_embedded
from .protocol import inpaint_networks
from .push_pull import push_pull

WEIGHTS = "pocket_inpaint.safetensors"

# How far the painted disparity may leave the level extension of the far side.
DISPARITY_REACH = 0.25


class PocketInpaint(nn.Module):
    """A small U-Net at half size that corrects a push-pull fill.

    It sees the fill, where it is known, the level extension of the far side, and the hole; never a colour
    outside the context. It gives a residual of colour and of disparity.

    Args:
        height, width: the size it runs at; multiples of 32.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.levels = min(6, int(math.log2(min(height, width) // 2)))
        self.enter = conv_unit(6, 16)
        self.downs = nn.ModuleList(
            [
                nn.Sequential(conv_unit(c, w, stride=2), conv_unit(w, w))
                for c, w in ((16, 32), (32, 48), (48, 64))
            ]
        )
        self.widen = nn.Sequential(conv_unit(64, 64, 5, groups=64), conv_unit(64, 64, 1), conv_unit(64, 64))
        self.tops = nn.ModuleList([conv_unit(c, w, 1) for c, w in ((64, 48), (48, 32), (32, 16))])
        self.merges = nn.ModuleList([conv_unit(c, c) for c in (48, 32, 16)])
        self.head = nn.Conv2d(16, 4, 3, padding=1)
        # Starts as the push-pull fill and the level extension: training can only improve on them.
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        """Paint the hidden layer; see `InpaintNetwork`."""
        # Colour times context: so averaged, nothing else leaks over a pixel of half size.
        seen = [color * gap.context, gap.context, gap.source, gap.occupancy]
        halves = halved(torch.cat(seen, dim=1))
        fill = push_pull(halves[:, :4], self.levels)
        features = [self.enter(torch.cat([fill * 2.0 - 1.0, halves[:, 3:]], dim=1))]
        for down in self.downs:
            features.append(down(features[-1]))
        merged = self.widen(features.pop())
        for top, merge in zip(self.tops, self.merges, strict=True):
            merged = merge(features.pop() + upsample2(top(merged)))
        residual = self.head(merged)
        # One plane of four channels grows in the time of one channel.
        painted = upsample2(torch.cat([fill + residual[:, :3], residual[:, 3:]], dim=1))
        disparity = gap.source + DISPARITY_REACH * painted[:, 3:].clamp(-1.0, 1.0)
        return painted[:, :3], disparity


@inpaint_networks.register("pocket")
def pocket_inpaint(height: int, width: int) -> nn.Module:
    """Return `PocketInpaint` with the embedded weights."""
    network = PocketInpaint(height, width)
    load_embedded(network, WEIGHTS)
    return network.eval()
