"""The lower envelope E(p) = min_q D(q) + s·|p−q|₁, and the far side that made each of its values.

E extends every far surface under the near one exactly as far as a camera can look behind it (DESIGN §2).
It is an infimal convolution with a cone (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled
Functions", 2012): a minimum of moved copies of D, so it never differs by more than its input differs.
"""

import torch

from .shift import both_ways

# What comes in over the border never wins a minimum: disparity is at most 1, and what `lower_envelope` makes
# its second envelope of at most 1 + NEAR_PENALTY.
OUTSIDE = 8.0

# r and k of `lower_envelope`. With a smaller r the source passes sooner from one far side to another; with a
# larger k a far side is level nearer to the end of its reach.
STEEPER_BY = 0.25
NEAR_PENALTY = 4.0


def reach_steps(slope: float, longest: int) -> list[int]:
    """Return the moves 1, 2, 4, … whose sums give every distance that a gap of 1 reaches at `slope`.

    A gap of 1 is used up after 1/slope pixels; no way within a frame is longer than `longest`.
    """
    steps = [1]
    while sum(steps) < min(1 / slope, longest):
        steps.append(steps[-1] * 2)
    return steps


def lower_envelope(disparity: torch.Tensor, slope: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lower envelope and its source.

    The way |p−q|₁ is the sum of a way along the row and one along the column, and a way of any length is a
    sum of powers of two: log₂(1/slope) moves to each of four sides give the exact minimum. (A way that turns
    back is longer, so it never wins; both ways can therefore start from the same plane.)

    The far side is what is left of E without its way. E rises by s·|p−q| over D(q), a second envelope of
    slope (1 + r)·s by r·s·|p−q| more, so the ways cancel: source = E − (E₂ − E)/r. Where another far side
    is nearer for the steeper cone, the source passes from one to the other, instead of jumping as the plane
    D(q) does. The second envelope starts from D + k·(D − E), so that what lies before its own envelope, and
    so casts none, does not end it.

    Args:
        disparity: D, (N, 1, H, W) in [0, 1].
        slope: s > 0, the rise of the cone a pixel.

    Returns:
        E: (N, 1, H, W), E ≤ D, gain ≤ 1 in the maximum norm.
        source: (N, 1, H, W), the far side carried along level: D(q) ≤ source ≤ E for the q that made E;
            gain ≤ 1 + (2 + 2k)/r.
    """
    envelope = _cone(disparity, slope, slope)
    farther = disparity + NEAR_PENALTY * (disparity - envelope)
    steeper = _cone(farther, slope * (1.0 + STEEPER_BY), slope)
    return envelope, envelope - (steeper - envelope) * (1.0 / STEEPER_BY)


def upper_envelope(disparity: torch.Tensor, slope: float) -> torch.Tensor:
    """Return U(p) = max_q D(q) − s·|p−q|₁, how far near surfaces reach over others; gain ≤ 1."""
    return -_cone(-disparity, slope, slope)


def _cone(plane: torch.Tensor, rise: float, slope: float) -> torch.Tensor:
    """Return min_q plane(q) + rise·|p−q|₁ over all q that a gap of 1 reaches at `slope`."""
    for axis in (-1, -2):
        for step in reach_steps(slope, plane.shape[axis]):
            before, after = both_ways(plane, step, axis, OUTSIDE)
            plane = torch.minimum(plane, torch.minimum(before, after) + rise * step)
    return plane
