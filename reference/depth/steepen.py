"""Making soft steps of disparity steep, where the photo has its edge."""

import torch
from torch import nn

from ..layering.ramp import ramp
from ..layering.shift import largest_around
from .likeness import Likeness

# Rounds of averaging and steepening: a slope becomes `STEEPER` times as steep in each.
ROUNDS = 4
STEEPER = 3.0
# Moves whose sums reach 3 pixels to each side: the least and largest disparity of 7×7 pixels.
MOVES = (1, 2)
# Differences within such a window: smaller ones are a surface's own shape and stay, larger ones are steps.
STEP_START, STEP_END = 0.05, 0.15

# No disparity lies outside [0, 1], so what comes in over the border is never the least nor the largest.
_OUTSIDE = 2.0


class Steepening(nn.Module):
    """Push disparity away from the middle of a step, towards the surfaces on both sides of it.

    A shock filter (Osher and Rudin, SIAM J. Numer. Anal. 1990) after Kramer and Bruckner ("Iterations of a
    non-linear transformation for enhancement of digital images", Pattern Recognition 1975): each pixel moves
    towards the least or the largest value around it, whichever is nearer, but with a slope in place of their
    decision. An average over neighbours of like colour comes before each round, so that the step ends on the
    photo's edge. An even slope is left as it is: its pixels are the middle of what surrounds them.

    No value leaves the range of those around it. On a step a small error grows with the slope, away from it
    not at all; ramps, not thresholds, keep it in proportion.
    """

    def forward(self, photo: torch.Tensor, disparity: torch.Tensor) -> torch.Tensor:
        """Steepen disparity (N, 1, H, W) in [0, 1] by its photo (N, 3, H, W) RGB in [0, 1]."""
        neighbours = [Likeness(photo, 1, axis) for axis in (-1, -2)]
        for _ in range(ROUNDS):
            for likeness in neighbours:
                disparity = likeness.average(disparity)
            disparity = steeper(disparity)
        return disparity


def steeper(disparity: torch.Tensor) -> torch.Tensor:
    """Return disparity (N, 1, H, W) after one round; an error grows 2 · `STEEPER` times at most."""
    least = -largest_around(-disparity, MOVES, -_OUTSIDE)
    largest = largest_around(disparity, MOVES, -_OUTSIDE)
    middle = 0.5 * (least + largest)
    pushed = torch.minimum(torch.maximum(middle + STEEPER * (disparity - middle), least), largest)
    return disparity + ramp(largest - least, STEP_START, STEP_END) * (pushed - disparity)
