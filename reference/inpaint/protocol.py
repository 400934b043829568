"""What an inpainting network is to the program, and the registry of those there are."""

from typing import Protocol

import torch

from ..layering.soft import Gap
from ..registry import Registry


class InpaintNetwork(Protocol):
    """A module that paints one hidden layer, full frame, from its context only."""

    def __call__(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        """Paint what the layer in front hides.

        Args:
            color: of the layer in front, (N, 3, H, W) in [0, 1].
            gap: what the layering found behind it; only `gap.context` of `color` may be used.

        Returns:
            Painted colour (N, 3, H, W) and disparity (N, 1, H, W); the program clamps both.
        """
        ...


class InpaintFactory(Protocol):
    """Makes an inpainting network for one program size."""

    def __call__(self, height: int, width: int) -> torch.nn.Module:
        """Return the network with its weights, in evaluation mode."""
        ...


inpaint_networks: Registry[InpaintFactory] = Registry("inpainting network")
