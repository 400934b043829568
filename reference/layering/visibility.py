"""Soft visibility: a layer fades where it is steeper than a real surface, instead of stretching like rubber.

After SLIDE (Jampani et al., ICCV 2021). A clean step between two pixels stays opaque on both sides: a
renderer tears there. What fades is a *ramp* over several pixels, the blurred edge that depth networks give.
"""

import torch

from .ramp import ramp


def steepness(disparity: torch.Tensor) -> torch.Tensor:
    """Return how steep the surface is on *both* sides of each pixel, the worse of row and column.

    Args:
        disparity: (N, 1, H, W).

    Returns:
        (N, 1, H, W) ≥ 0 in disparity a pixel; gain ≤ 2. At the frame's border the outer side is level.
    """

    # The edge is repeated, so that nothing is steep towards the outside.
    first_row, last_row = disparity[..., :1, :], disparity[..., -1:, :]
    first_column, last_column = disparity[..., :1], disparity[..., -1:]
    up = torch.cat([first_row, disparity[..., :-1, :]], dim=-2)
    down = torch.cat([disparity[..., 1:, :], last_row], dim=-2)
    left = torch.cat([first_column, disparity[..., :-1]], dim=-1)
    right = torch.cat([disparity[..., 1:], last_column], dim=-1)
    vertical = torch.minimum((disparity - up).abs(), (disparity - down).abs())
    horizontal = torch.minimum((disparity - left).abs(), (disparity - right).abs())
    return torch.maximum(vertical, horizontal)


def soft_visibility(disparity: torch.Tensor, start: float, end: float) -> torch.Tensor:
    """Return 1 where the surface is less steep than `start`, 0 where steeper than `end` (disparity a pixel).

    Args:
        disparity: (N, 1, H, W).

    Returns:
        (N, 1, H, W) in [0, 1]; gain ≤ 2/(end − start).
    """
    return 1.0 - ramp(steepness(disparity), start, end)
