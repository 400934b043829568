"""Smooth, robust normalisation of any network's disparity to [0, 1]."""

import torch
from torch import nn
from torch.nn import functional as F

# A spread below this (of a network whose scenes span about 1) is a flat scene and must stay flat.
SMALLEST_SPREAD = 0.02
# Mean ± this many spreads (mean absolute deviations) fills [0, 1].
SPREADS = 2.5


def plane_mean(plane: torch.Tensor) -> torch.Tensor:
    """Mean over H and W of (N, C, H, W), H and W multiples of 32 → (N, C, 1, 1).

    In two stages, so that no sum comes near the largest half-precision number, 65504.
    """
    return F.avg_pool2d(plane, 32).mean(dim=(2, 3), keepdim=True)


class MomentNormalisation(nn.Module):
    """Map mean ± 2.5 mean absolute deviations to [0, 1] and clamp.

    Moments move smoothly with every pixel; quantiles would jump. A flat scene is not stretched.
    """

    def forward(self, disparity: torch.Tensor) -> torch.Tensor:
        """Normalise (N, 1, H, W) of any affine scale; larger stays nearer."""
        mean = plane_mean(disparity)
        spread = plane_mean((disparity - mean).abs()).clamp(min=SMALLEST_SPREAD)
        return ((disparity - mean) / (2 * SPREADS * spread) + 0.5).clamp(0.0, 1.0)
