"""The largest and smallest value around each pixel."""

import numpy as np


def largest_around(plane: np.ndarray, radius: int) -> np.ndarray:
    """Return the maximum over the (2·radius + 1)² window of each pixel of (H, W); the frame ends windows."""
    for axis in (0, 1):
        plane = _largest_along(plane, radius, axis)
    return plane


def smallest_around(plane: np.ndarray, radius: int) -> np.ndarray:
    """Return the minimum over the (2·radius + 1)² window of each pixel of (H, W)."""
    return -largest_around(-plane, radius)


def _largest_along(plane: np.ndarray, radius: int, axis: int) -> np.ndarray:
    out = plane.copy()
    for step in range(1, min(radius, plane.shape[axis] - 1) + 1):
        ahead = [slice(None)] * 2
        behind = [slice(None)] * 2
        ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
        np.maximum(out[tuple(behind)], plane[tuple(ahead)], out=out[tuple(behind)])
        np.maximum(out[tuple(ahead)], plane[tuple(behind)], out=out[tuple(ahead)])
    return out
