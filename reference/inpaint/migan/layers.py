"""Layers of the MI-GAN generator, as `migan_inference.py` has them, for frames of any shape."""

import math

import torch
from torch import nn
from torch.nn import functional as F

_LEAK, _GAIN, _CLAMP = 0.2, math.sqrt(2.0), 256.0


def activation(features: torch.Tensor) -> torch.Tensor:
    """Leaky ReLU with a gain of √2, clamped to ±256."""
    return (F.leaky_relu(features, _LEAK) * _GAIN).clamp(-_CLAMP, _CLAMP)


def every_second(height: int, width: int) -> torch.Tensor:
    """Return (1, 1, H, W): 1 in the first of every two rows and columns, else 0."""
    plane = torch.zeros(1, 1, height, width)
    plane[..., ::2, ::2] = 1.0
    return plane


class Upsample(nn.Module):
    """×2: zeros between the pixels, then a fixed filter.

    Args:
        channels: of its input.
        height, width: of its output; even.
    """

    filter_const: torch.Tensor

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("filter_const", every_second(height, width))
        self.filter = nn.Conv2d(channels, channels, 4, groups=channels, bias=False)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """(N, C, H / 2, W / 2) → (N, C, H, W)."""
        spread = F.interpolate(planes, scale_factor=2.0, mode="nearest") * self.filter_const
        return self.filter(F.pad(spread, (2, 1, 2, 1)))


class Downsample(nn.Module):
    """÷2 by a fixed filter."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.filter = nn.Conv2d(channels, channels, 4, 2, 1, groups=channels, bias=False)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) → (N, C, H / 2, W / 2)."""
        return self.filter(planes)


class SeparableConv(nn.Module):
    """Depthwise convolution, then ÷2, pointwise convolution, ×2 and noise where there is such.

    Args:
        inputs, outputs: channels.
        down: whether it halves the frame.
        up: whether it doubles it.
        noise: (H, W) of the fixed noise that is added; its output's size.
    """

    noise_const: torch.Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        down: bool = False,
        up: bool = False,
        noise: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.conv2 = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.downsample = Downsample(inputs) if down else None
        self.upsample = Upsample(outputs, *noise) if up and noise else None
        self.noisy = noise is not None
        if noise is not None:
            self.register_buffer("noise_const", torch.zeros(noise))
            self.noise_strength = nn.Parameter(torch.zeros([]))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) → (N, outputs, …)."""
        features = activation(self.conv1(features))
        if self.downsample is not None:
            features = self.downsample(features)
        features = self.conv2(features)
        if self.upsample is not None:
            features = self.upsample(features)
        if self.noisy:
            features = features + self.noise_const * self.noise_strength
        return activation(features)
