"""Moving a plane by whole pixels, with a stated value coming in at the border."""

import torch
from torch.nn import functional as F


def shift(plane: torch.Tensor, dy: int, dx: int, border: float) -> torch.Tensor:
    """Return `plane` moved so that pixel (y, x) shows what was at (y + dy, x + dx).

    Args:
        plane: (N, C, H, W).
        dy: rows to look down (negative: up).
        dx: columns to look right (negative: left).
        border: what is seen past the frame.

    Returns:
        (N, C, H, W).
    """
    height, width = plane.shape[-2:]
    padded = F.pad(plane, (max(-dx, 0), max(dx, 0), max(-dy, 0), max(dy, 0)), value=border)
    top, left = max(dy, 0), max(dx, 0)
    return padded[..., top : top + height, left : left + width]
