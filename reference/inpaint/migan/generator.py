"""The MI-GAN generator: an encoder down to a 128th (64th) of the frame, and a synthesis back up."""

import torch
from torch import nn

from .layers import SeparableConv, Upsample, activation

_DEEPEST = 4
_CHANNELS_BASE, _MOST_CHANNELS = 32768, 512
# What it sees: known or not, and colour.
_INPUTS = 4


class _EncoderBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, first: bool, down: bool) -> None:
        super().__init__()
        self.fromrgb = nn.Conv2d(_INPUTS, inputs, 1) if first else None
        self.conv1 = SeparableConv(inputs, inputs)
        self.conv2 = SeparableConv(inputs, outputs, down=down)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the features for the next block, and those that the synthesis adds."""
        if self.fromrgb is not None:
            features = activation(self.fromrgb(features))
        beside = self.conv1(features)
        return self.conv2(beside), beside


class _FirstBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = SeparableConv(channels, channels)
        self.conv2 = SeparableConv(channels, channels)
        self.torgb = nn.Conv2d(channels, 3, 1)

    def forward(self, features: torch.Tensor, beside: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features and colour."""
        features = self.conv2(self.conv1(features) + beside)
        return features, self.torgb(features)


class _SynthesisBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, height: int, width: int) -> None:
        super().__init__()
        self.conv1 = SeparableConv(inputs, outputs, up=True, noise=(height, width))
        self.conv2 = SeparableConv(outputs, outputs, noise=(height, width))
        self.torgb = nn.Conv2d(outputs, 3, 1)
        self.upsample = Upsample(3, height, width)

    def forward(
        self, features: torch.Tensor, beside: torch.Tensor, color: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features and colour at twice the size."""
        features = self.conv2(self.conv1(features) + beside)
        return features, self.upsample(color) + self.torgb(features)


class Generator(nn.Module):
    """`Generator` of `migan_inference.py`, for a frame of any shape.

    Args:
        resolution: 256 or 512, the side it was trained at; a block is called by what its level leaves of it.
        height, width: of the frame; multiples of a quarter of the resolution.
    """

    def __init__(self, resolution: int, height: int, width: int) -> None:
        super().__init__()
        self.sides = [resolution >> level for level in range(resolution.bit_length() - 2)]
        widths = {side: min(_CHANNELS_BASE // side, _MOST_CHANNELS) for side in self.sides}
        self.encoder = nn.Module()
        self.synthesis = nn.Module()
        for side in self.sides:
            below = max(side // 2, _DEEPEST)
            block = _EncoderBlock(widths[side], widths[below], side == resolution, side > _DEEPEST)
            self.encoder.add_module(f"b{side}", block)
        self.synthesis.add_module(f"b{_DEEPEST}", _FirstBlock(widths[_DEEPEST]))
        for side in self.sides[-2::-1]:
            shape = (height * side // resolution, width * side // resolution)
            self.synthesis.add_module(f"b{side}", _SynthesisBlock(widths[side // 2], widths[side], *shape))

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Paint a frame.

        Args:
            planes: (N, 4, H, W): known (0.5) or not (−0.5), and colour in [−1, 1], zero where not known.

        Returns:
            (N, 3, H, W), colour in about [−1, 1].
        """
        features, beside = planes, {}
        for side in self.sides:
            features, beside[side] = self.encoder.get_submodule(f"b{side}")(features)
        first = self.synthesis.get_submodule(f"b{_DEEPEST}")
        features, color = first(features, beside[_DEEPEST])
        for side in self.sides[-2::-1]:
            features, color = self.synthesis.get_submodule(f"b{side}")(features, beside[side], color)
        return color
