"""The lower envelope E(p) = min_q D(q) + s·|p−q|₁, and the far side that made each of its values.

E extends every far surface under the near one exactly as far as a camera can look behind it (DESIGN §2).
It is an infimal convolution with a cone (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled
Functions", 2012): a minimum of moved copies of D, so it never differs by more than its input differs.
"""

from collections.abc import Iterator

import torch

from .shift import both_ways

# No disparity exceeds 1, so what comes in over the border never wins a minimum.
OUTSIDE = 2.0


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

    Args:
        disparity: D, (N, 1, H, W) in [0, 1].
        slope: s > 0, the rise of the cone a pixel.

    Returns:
        E: (N, 1, H, W), E ≤ D, gain ≤ 1 in the maximum norm.
        source: (N, 1, H, W), D(q) at a minimising q: the far side carried along level. source ≤ E.
    """
    envelope = source = disparity
    for axis, step in _moves(disparity, slope):
        rise = slope * step
        for candidate, carried in zip(
            both_ways(envelope, step, axis, OUTSIDE), both_ways(source, step, axis, OUTSIDE), strict=True
        ):
            raised = candidate + rise
            nearer_way = raised < envelope
            envelope = torch.minimum(raised, envelope)
            source = torch.where(nearer_way, carried, source)
    return envelope, source


def upper_envelope(disparity: torch.Tensor, slope: float) -> torch.Tensor:
    """Return U(p) = max_q D(q) − s·|p−q|₁, how far near surfaces reach over others; gain ≤ 1."""
    envelope = disparity
    for axis, step in _moves(disparity, slope):
        before, after = both_ways(envelope, step, axis, -OUTSIDE)
        envelope = torch.maximum(envelope, torch.maximum(before, after) - slope * step)
    return envelope


def _moves(disparity: torch.Tensor, slope: float) -> Iterator[tuple[int, int]]:
    """Yield (axis, step) of every move, along the rows first."""
    for axis in (-1, -2):
        for step in reach_steps(slope, disparity.shape[axis]):
            yield axis, step
