"""`pocket`: the small depth network whose weights are embedded in the package."""

from itertools import pairwise

import torch
from torch import nn

from ..blocks import InvertedResidual, conv_unit, upsample_to
from ..weights.store import load_embedded
from .pixels import resized
from .protocol import depth_networks

WEIGHTS = "pocket_depth.safetensors"

# The trunk of EfficientNet-Lite0: outputs, expansion, kernel, stride and repeats of each group of blocks.
_TRUNK = (
    ((24, 6, 3, 2, 2),),
    ((40, 6, 5, 2, 2),),
    ((80, 6, 3, 2, 3), (112, 6, 5, 1, 3)),
    ((192, 6, 5, 2, 4),),
)
# Channels that the trunk gives and the decoder works with, from the coarsest to all that the network sees.
_FEATURES = (112, 40, 24, 16)
_WIDTHS = (96, 64, 48, 32, 24)
_FINE = 16


class PocketDepth(nn.Module):
    """A U-Net on the photo at 5/8 of its size: what is where needs no more pixels than that.

    The encoder is the trunk of EfficientNet-Lite0 (Tan and Le, ICML 2019, without squeeze-and-excite and with
    ReLU6, which int8 keeps), so that it can start from weights that have seen photos. A decoder of
    depthwise-separable units leads back to half the size that it sees. The row's height in the picture is
    added at the coarsest stage: it is the strongest single cue of depth in photos (the ground below, the sky
    above), and a convolution cannot otherwise tell rows apart.

    Args:
        height, width: the size it runs at; multiples of 32.
    """

    normalised = True
    soft_edges = True
    rows: torch.Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.run_at(height, width)
        self.stem = conv_unit(3, 32, stride=2)
        inputs = 16
        first = nn.Sequential(
            conv_unit(32, 32, groups=32), nn.Conv2d(32, inputs, 1, bias=False), nn.BatchNorm2d(inputs)
        )
        self.stages = nn.ModuleList([first])
        for groups in _TRUNK:
            blocks = []
            for outputs, expand, kernel, stride, repeats in groups:
                for repeat in range(repeats):
                    step = stride if repeat == 0 else 1
                    blocks.append(InvertedResidual(inputs, outputs, expand, kernel, step))
                    inputs = outputs
            self.stages.append(nn.Sequential(*blocks))
        self.deepest = nn.Conv2d(inputs, _WIDTHS[0], 1)
        self.place = nn.Conv2d(1, _WIDTHS[0], 1)
        self.widen = _separable(_WIDTHS[0])
        self.laterals = nn.ModuleList(
            [nn.Conv2d(c, w, 1) for c, w in zip(_FEATURES, _WIDTHS[1:], strict=True)]
        )
        widths = (*_WIDTHS, _FINE)
        self.tops = nn.ModuleList([nn.Conv2d(c, w, 1) for c, w in pairwise(widths)])
        self.merges = nn.ModuleList([_separable(w) for w in widths[1:]])
        self.fine = conv_unit(3, _FINE)
        self.head = nn.Conv2d(_FINE, 1, 3, padding=1)

    def run_at(self, height: int, width: int) -> None:
        """Set the size of the photos (multiples of 32); the weights do not depend on it."""
        self.size = height, width
        self.look_at(height * 5 // 8, width * 5 // 8)

    def look_at(self, height: int, width: int) -> None:
        """Set the size of the smaller photos that `at_inner_size` gets."""
        self.inner_size = height, width
        cells = -(-height // 32), -(-width // 32)
        device = next((weight.device for weight in self.parameters()), None)
        rows = torch.linspace(-1.0, 1.0, cells[0], device=device).view(1, 1, -1, 1).expand(1, 1, *cells)
        self.register_buffer("rows", rows.contiguous(), persistent=False)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """Map photos (N, 3, H, W) RGB in [0, 1] to disparity (N, 1, H, W) in [0, 1], larger is nearer."""
        return resized(self.at_inner_size(resized(photo, self.inner_size)), self.size)

    def at_inner_size(self, photo: torch.Tensor) -> torch.Tensor:
        """Map photos (N, 3, h, w) of `inner_size` to disparity (N, 1, h, w): what training works on."""
        centred = photo * 2.0 - 1.0
        features = [self.fine(centred)]
        finer = self.stem(centred)
        for stage in self.stages:
            finer = stage(finer)
            features.append(finer)
        merged = self.widen(self.deepest(features.pop()) + self.place(self.rows))
        sides = [lateral(features.pop()) for lateral in self.laterals] + features
        for side, top, merge in zip(sides, self.tops, self.merges, strict=True):
            merged = merge(side + upsample_to(top(merged), side))
        return torch.sigmoid(self.head(merged))


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(conv_unit(channels, channels, 5, groups=channels), conv_unit(channels, channels, 1))


@depth_networks.register("pocket")
def pocket_depth(height: int, width: int) -> nn.Module:
    """Return `PocketDepth` with the embedded weights."""
    network = PocketDepth(height, width)
    load_embedded(network, WEIGHTS)
    return network.eval()
