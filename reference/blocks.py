"""Blocks that phones run fast in int8: dense, pointwise and depthwise convolutions with ReLU6."""

import torch
from torch import nn
from torch.nn import functional as F


def conv_unit(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation (folded at export), ReLU6: (N, C, H, W) → (N, C', H/stride, …)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=False),
    )


class InvertedResidual(nn.Module):
    """The block of MobileNetV2 (Sandler et al., CVPR 2018): expand, depthwise, project, add."""

    def __init__(self, inputs: int, outputs: int, expand: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        hidden = inputs * expand
        self.expand = conv_unit(inputs, hidden, kernel=1)
        self.depthwise = conv_unit(hidden, hidden, kernel=kernel, stride=stride, groups=hidden)
        self.project = nn.Conv2d(hidden, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) → (N, outputs, H/stride, W/stride)."""
        projected = self.norm(self.project(self.depthwise(self.expand(features))))
        return features + projected if self.residual else projected


def upsample2(plane: torch.Tensor) -> torch.Tensor:
    """Bilinear ×2 of (N, C, H, W), half-pixel centres."""
    return F.interpolate(plane, scale_factor=2.0, mode="bilinear", align_corners=False)


def halved(plane: torch.Tensor) -> torch.Tensor:
    """Average 2×2 pixels of (N, C, H, W), H and W even.

    A resize, which of few channels is twice as fast as a pooling in TFLite's processor kernels.
    """
    return F.interpolate(plane, scale_factor=0.5, mode="bilinear", align_corners=False)


def upsample_to(plane: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
    """Bilinear ×2 of (N, C, H, W), without the last row or column where `finer` had an odd number of them."""
    height, width = finer.shape[-2:]
    larger = upsample2(plane)
    # A slice that drops nothing would still be an operation, and Core ML knows none for it.
    return larger if larger.shape[-2:] == finer.shape[-2:] else larger[..., :height, :width]
