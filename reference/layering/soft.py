"""One step of the stable layering: from a surface to the gap behind it, its occupancy and its context."""

from typing import NamedTuple

import torch
from torch import nn

from ..config import LayeringConfig
from .envelope import lower_envelope, upper_envelope
from .ramp import ramp
from .shift import largest_around
from .visibility import soft_visibility


class Gap(NamedTuple):
    """What the layering says about the layer behind a surface D; every plane is (N, 1, H, W).

    Attributes:
        envelope: E, how far the far side reaches under the near one: what lies between E and D hides it.
        source: the far side's own disparity carried level under the near one; source ≤ E.
        occupancy: how much of the pixel can ever be seen of the hidden layer, in [0, 1].
        unknown: 1 where the surface's own colours must not be used for the hidden layer, in [0, 1].
        context: 1 on the far side of the gaps, from which the hidden layer is painted, in [0, 1].
    """

    envelope: torch.Tensor
    source: torch.Tensor
    occupancy: torch.Tensor
    unknown: torch.Tensor
    context: torch.Tensor


class SoftLayering(nn.Module):
    """The non-expansive layering of DESIGN §2: minima, maxima and ramps, no thresholds.

    Args:
        config: see `LayeringConfig`.
        long_side: of the program's size, in pixels; the parallax is a fraction of it.
    """

    def __init__(self, config: LayeringConfig, long_side: int) -> None:
        super().__init__()
        self.slope = 0.5 / (config.max_parallax * long_side)
        self.occupancy_start = config.occupancy_start * self.slope
        self.occupancy_end = self.occupancy_start + config.occupancy_ramp * self.slope
        self.visibility_start = config.visibility_start * self.slope
        self.visibility_end = config.visibility_end * self.slope
        self.edge_margin_px = config.edge_margin_px

    def forward(self, disparity: torch.Tensor) -> Gap:
        """Find what lies hidden behind `disparity` (N, 1, H, W) in [0, 1]."""
        envelope, source = lower_envelope(disparity, self.slope)
        occupancy = ramp(disparity - envelope, self.occupancy_start, self.occupancy_end)
        unknown = largest_around(occupancy, [1] * self.edge_margin_px, 0.0)
        rise = upper_envelope(disparity, self.slope) - disparity
        beside_near = ramp(rise, self.occupancy_start, self.occupancy_end)
        context = torch.minimum(beside_near, 1.0 - unknown)
        return Gap(envelope, source, occupancy, unknown, context)

    def reachable(self, before: torch.Tensor | None, disparity: torch.Tensor, gap: Gap) -> torch.Tensor:
        """Return how much of the layer behind a surface any camera within the parallax can see.

        Behind the visible surface that is the gap's occupancy. Behind a hidden one it is at most what can be
        seen of that one, and only where it tears: its steps between one far side and the next are guesses,
        and those that a visible surface would bridge are no tears.

        Args:
            before: what can be seen of this surface, in [0, 1]; None if it is the visible one.
            disparity: of this surface, (N, 1, H, W) in [0, 1].
            gap: behind it.

        Returns:
            (N, 1, H, W) in [0, 1]; the maximum-norm gain over `disparity` is at most 2 over the ramp's width.
        """
        if before is None:
            return gap.occupancy
        torn = ramp(disparity - gap.envelope, self.visibility_start, self.visibility_end)
        return torch.minimum(before, torn)

    def visibility(self, disparity: torch.Tensor) -> torch.Tensor:
        """Return how visible each pixel of a surface (N, 1, H, W) may stay, in [0, 1]."""
        return soft_visibility(disparity, self.visibility_start, self.visibility_end)
