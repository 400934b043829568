"""Partial convolution on soft masks (Liu et al., ECCV 2018), as `networks.py` of 3d-photo-inpainting has it.

Published, a mask convolution with a kernel of ones counts, in every channel, how much of the window is known.
All channels of a mask are equal, so that one box filter of one plane gives the same number at a hundredth of
the work; and "any of the window is known" is the largest of the window, which means the same for 0 and 1 and
stays continuous between them.
"""

import torch
from torch import nn
from torch.nn import functional as F

# Below every share that whole pixels can make up: of 68 channels the four of the input, one pixel of nine.
SMALLEST_SHARE = 1 / 256


class PartialConv(nn.Module):
    """The weights of one partial convolution, under the published key `input_conv`.

    Args:
        inputs, outputs: channels.
        kernel, stride: of the window; padded by half of it.
        bias: whether there is one; it is not divided by the share.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, bias: bool) -> None:
        super().__init__()
        self.input_conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)
        self.window = (kernel, stride, kernel // 2)

    def forward(self, masked: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Convolve what is masked (N, C, H, W), given the mean over channels of its masks (N, 1, H, W)."""
        conv = self.input_conv
        share = F.avg_pool2d(known, *self.window)
        summed = F.conv2d(masked, conv.weight, None, conv.stride, conv.padding)
        # Divided, not multiplied by the inverse: Core ML adds 1e-4 before it inverts.
        result = summed / share.clamp(min=SMALLEST_SHARE)
        return result if conv.bias is None else result + conv.bias.view(1, -1, 1, 1)


class PartialUnit(nn.Module):
    """Partial convolution, batch normalisation, activation: the published `PCBActiv`.

    Args:
        inputs, outputs: channels.
        kernel, stride: of the convolution.
        bias: whether the convolution has one.
        norm: whether it is normalised.
        slope: of the activation below zero; None for no activation.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        bias: bool = False,
        norm: bool = True,
        slope: float | None = 0.0,
    ) -> None:
        super().__init__()
        self.conv = PartialConv(inputs, outputs, kernel, stride, bias)
        if norm:
            self.bn = nn.BatchNorm2d(outputs)
        self.norm, self.slope = norm, slope

    def forward(
        self, masked: torch.Tensor, known: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the features, where nothing is known left as they come, and their mask (N, 1, H', W').

        Args:
            masked: (N, C, H, W), zero where not known.
            known: the mean over channels of their masks.
            mask: the largest over channels of their masks.
        """
        features = self.conv(masked, known)
        if self.norm:
            features = self.bn(features)
        if self.slope is not None:
            features = F.leaky_relu(features, self.slope) if self.slope else F.relu(features)
        return features, F.max_pool2d(mask, *self.conv.window)
