"""The decoder of MiDaS v2.1 small, and the whole network for one program size."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ...blocks import upsample2
from ...models.locate import locate
from ...weights.checkpoint import fit, read_checkpoint
from ..pixels import ImageNetNormalisation, resized
from ..protocol import depth_networks
from .encoder import LEVELS, Encoder

NAME = "midas-small"
CHECKPOINT = "midas_v21_small_256.pt"

# The long side of the photos that it was trained on, and that its authors run it on.
WORKING_SIDE = 256
# The encoder halves its input five times.
MULTIPLE = 32
# The decoder's channels from fine to coarse.
WIDTHS = (64, 128, 256, 512)
# Its disparity is relative, in numbers up to thousands; normalisation expects scenes that span about one.
UNIT = 1000.0


class ResidualUnit(nn.Module):
    """Two convolutions, each after a ReLU, added to the input: (N, C, H, W) → the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return self.conv2(F.relu(self.conv1(F.relu(features)))) + features


class Fusion(nn.Module):
    """Adds a level to the coarser ones, refines, and hands on at twice the size.

    The published network narrows after upsampling. Both are linear, and bilinear weights sum to one, so
    narrowing first is the same map at a quarter of the operations.

    Args:
        width: channels in.
        outputs: channels out.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(width, outputs, 1)
        self.resConfUnit1 = ResidualUnit(width)
        self.resConfUnit2 = ResidualUnit(width)

    def forward(self, features: torch.Tensor, coarser: torch.Tensor | None = None) -> torch.Tensor:
        """(N, width, H, W) twice → (N, outputs, 2H, 2W)."""
        if coarser is not None:
            features = coarser + self.resConfUnit1(features)
        narrow = self.out_conv(self.resConfUnit2(features))
        return F.interpolate(narrow, scale_factor=2.0, mode="bilinear", align_corners=True)


class Upsample(nn.Module):
    """Bilinear ×2, half-pixel centres, as a module, since the published numbering counts it."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) → (N, C, 2H, 2W)."""
        return upsample2(features)


class Decoder(nn.Module):
    """From the encoder's four levels to disparity. The coarsest adds to nothing; its first unit is unused."""

    def __init__(self) -> None:
        super().__init__()
        for index, (level, width) in enumerate(zip(LEVELS, WIDTHS, strict=True), start=1):
            setattr(self, f"layer{index}_rn", nn.Conv2d(level, width, 3, padding=1, bias=False))
            setattr(self, f"refinenet{index}", Fusion(width, max(width // 2, WIDTHS[0])))
        self.output_conv = nn.Sequential(
            nn.Conv2d(WIDTHS[0], WIDTHS[0] // 2, 3, padding=1),
            Upsample(),
            nn.Conv2d(WIDTHS[0] // 2, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )

    def forward(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """Map the encoder's levels of an (H, W) photo to disparity (N, 1, H, W)."""
        merged: torch.Tensor | None = None
        for index in range(len(levels), 0, -1):
            level = getattr(self, f"layer{index}_rn")(levels[index - 1])
            merged = getattr(self, f"refinenet{index}")(level, merged)
        return self.output_conv(merged)


class MidasSmall(nn.Module):
    """MiDaS v2.1 small on photos of one size.

    It works at the size that its authors run it at, the long side 256 pixels, sides multiples of 32; a
    smaller program is worked on as it is. Resizing and normalisation are inside.

    Args:
        height, width: the program's size, multiples of 32.
    """

    normalised = False
    soft_edges = True

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)
        self.working_size = working_size(height, width)
        self.normalisation = ImageNetNormalisation()
        self.pretrained = Encoder()
        self.scratch = Decoder()

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """Map photos (N, 3, H, W) RGB in [0, 1] to disparity (N, 1, H, W) ≥ 0, larger is nearer."""
        small = resized(photo, self.working_size)
        disparity = self.scratch(self.pretrained(self.normalisation(small))) * (1.0 / UNIT)
        return resized(disparity, self.size)


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return the height and width at which the network works for a program of this size."""
    scale = min(1.0, WORKING_SIDE / max(height, width))
    sides = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (height, width))
    return next(sides), next(sides)


def load_midas_small(path: Path, height: int, width: int) -> nn.Module:
    """Return the network with the weights of the published checkpoint, in evaluation mode.

    Args:
        path: `midas_v21_small_256.pt`, or the same weights as safetensors.
        height, width: of the program; multiples of 32.

    Raises:
        InputError: the file is missing, too large, would run code, or holds other weights; every key that is
            missing, unknown or of another shape is named.
    """
    network = MidasSmall(height, width)
    network.load_state_dict(fit(path, read_checkpoint(path), network.state_dict()))
    return network.eval().requires_grad_(False)


@depth_networks.register(NAME)
def midas_small(height: int, width: int) -> nn.Module:
    """Return `load_midas_small` of the published checkpoint, from where it is kept on this machine."""
    return load_midas_small(locate(NAME) / CHECKPOINT, height, width)
