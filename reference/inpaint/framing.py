"""Fitting a program's frame to a network that wants another scale, or sides that divide by a power of two."""

import math

import torch
from torch.nn import functional as F


def reduction(height: int, width: int, side: int) -> int:
    """Return by how much a frame is reduced for a network that was trained at `side` × `side` pixels.

    A power of two, so that it divides both sides; the one that comes closest to the same number of pixels.
    """
    return 1 << max(0, round(math.log2(math.sqrt(height * width) / side)))


def all_of(plane: torch.Tensor, factor: int) -> torch.Tensor:
    """(N, 1, H, W) → (N, 1, H / factor, W / factor): the smallest value of each square."""
    return -any_of(-plane, factor)


def any_of(plane: torch.Tensor, factor: int) -> torch.Tensor:
    """(N, 1, H, W) → (N, 1, H / factor, W / factor): the largest value of each square."""
    # coremltools does not take the stride from the window.
    return F.max_pool2d(plane, factor, stride=factor)


class Border:
    """Zeros around a frame, so that both sides become multiples of `unit`; as even as possible.

    Args:
        height, width: of the frame.
        unit: what the sides shall divide by.
    """

    def __init__(self, height: int, width: int, unit: int) -> None:
        down, across = -height % unit, -width % unit
        self.top, self.left = down // 2, across // 2
        self.bottom, self.right = down - self.top, across - self.left

    def add(self, planes: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) → with the border."""
        sides = (self.left, self.right, self.top, self.bottom)
        # A padding by nothing would still be an operation.
        return F.pad(planes, sides) if any(sides) else planes

    def join(self, *planes: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) each → side by side, with the border.

        Joined after padding: what a network takes in is the same operation at every size, so that one int8
        recipe names it for all sizes.
        """
        return torch.cat([self.add(plane) for plane in planes], dim=1)

    def remove(self, planes: torch.Tensor) -> torch.Tensor:
        """(N, C, …) with the border → (N, C, H, W)."""
        if not any((self.left, self.right, self.top, self.bottom)):
            return planes
        height, width = planes.shape[-2:]
        return planes[..., self.top : height - self.bottom, self.left : width - self.right]
