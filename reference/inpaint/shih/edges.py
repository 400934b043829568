"""The network that continues the depth edges of the far side into the hole (after EdgeConnect)."""

import torch
from torch import nn
from torch.nn import functional as F

_BLOCKS = 8
_LEAK = 0.2


class _Block(nn.Module):
    """A residual block; its convolutions are at the published places of `conv_block`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(2),
            nn.Conv2d(256, 256, 3, dilation=2, bias=False),
            nn.InstanceNorm2d(256),
            nn.LeakyReLU(_LEAK),
            nn.ReflectionPad2d(1),
            nn.Conv2d(256, 256, 3, bias=False),
            nn.InstanceNorm2d(256),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, 256, H, W) → the same."""
        return features + self.conv_block(features)


class EdgeNet(nn.Module):
    """`Inpaint_Edge_Net` of 3d-photo-inpainting; its spectral norms are divided out on loading."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder_0 = _normed(nn.Conv2d(7, 64, 7), 64, nn.ReflectionPad2d(3))
        self.encoder_1 = _normed(nn.Conv2d(64, 128, 4, 2, 1), 128)
        self.encoder_2 = _normed(nn.Conv2d(128, 256, 4, 2, 1), 256)
        self.middle = nn.Sequential(*(_Block() for _ in range(_BLOCKS)))
        self.decoder_0 = _normed(nn.ConvTranspose2d(512, 128, 4, 2, 1), 128)
        self.decoder_1 = _normed(nn.ConvTranspose2d(256, 64, 4, 2, 1), 64)
        self.decoder_2 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(128, 1, 7))

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Find edges.

        Args:
            planes: (N, 7, H, W): colour, disparity, edge, context, hole; sides multiples of 4.

        Returns:
            (N, 1, H, W) logits of being an edge.
        """
        first = self.encoder_0(planes)
        second = self.encoder_1(first)
        third = self.encoder_2(second)
        joined = self.decoder_0(torch.cat([self.middle(third), third], dim=1))
        joined = self.decoder_1(torch.cat([joined, second], dim=1))
        return self.decoder_2(torch.cat([joined, first], dim=1))


class EdgePlane(nn.Module):
    """The depth edges of the far side: those in the context, and those that the network finds in the hole.

    Published are lines one pixel wide, from a graph of pixels and cleaned by walking along it; here they are
    the far pixels beside a step of the disparity, so that the plane is a tensor program.

    Args:
        network: `EdgeNet`.
    """

    # Published: two pixels are torn apart by this much of disparity (0.04 of a scale of 3).
    STEP = 0.04 / 3
    # Published: above a probability of 0.002 there is an edge; its logit, and the half width of the ramp.
    LOGIT, LOGIT_RAMP = -6.21, 0.5
    # A frame whose far side is all at infinity is not divided by nothing.
    SMALLEST = 1e-3

    def __init__(self, network: EdgeNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, color: torch.Tensor, disparity: torch.Tensor, context: torch.Tensor, hole: torch.Tensor
    ) -> torch.Tensor:
        """Return (N, 1, H, W) in [0, 1].

        Args:
            color: (N, 3, H, W), zero outside the context.
            disparity: of the far side, (N, 1, H, W) in [0, 1].
            context, hole: (N, 1, H, W) in [0, 1].
        """
        rise = F.max_pool2d(disparity, 3, stride=1, padding=1) - disparity
        known = context * (rise / self.STEP - 1.0).clamp(0.0, 1.0)
        far = disparity * context
        scaled = far / far.amax(dim=(2, 3), keepdim=True).clamp(min=self.SMALLEST)
        logits = self.network(torch.cat([color, scaled, known, context, hole], dim=1))
        found = ((logits - self.LOGIT) / (2.0 * self.LOGIT_RAMP) + 0.5).clamp(0.0, 1.0)
        return torch.maximum(known, found * hole)


def _normed(convolution: nn.Module, channels: int, *before: nn.Module) -> nn.Sequential:
    return nn.Sequential(*before, convolution, nn.InstanceNorm2d(channels), nn.ReLU())
