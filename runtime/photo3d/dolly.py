"""Views of a camera that goes forwards: what is near grows faster than what is far.

A point of disparity d at pixel u moves to cu + zoom·(1 + g·(d − focus))·(u − cu): to first order a pinhole
that moves along its axis. All motion points away from the middle of the frame, so of two points that meet the
nearer one began nearer to the middle when the camera goes forwards (g > 0), and farther from it when it goes
back. A fixed order of pixels is therefore front to back here too (see `reference.render.splat`).
"""

import numpy as np
from numba import njit

from ...reference.ldi import LDI
from ...reference.render.splat import REACH, TEAR_END, _axis_hat


def dolly_view(ldi: LDI, growth: float, zoom: float, focus: float) -> tuple[np.ndarray, np.ndarray]:
    """Render a view from further forwards or back.

    Args:
        ldi: finite layers.
        growth: g, what a unit of disparity grows by, within (−1, 1).
        zoom: of the whole, above 0.
        focus: disparity that keeps its size.

    Returns:
        Colour × coverage (H, W, 3) and coverage (H, W) in [0, 1], float32.
    """
    color, disparity, occupancy = map(np.ascontiguousarray, (ldi.color, ldi.disparity, ldi.occupancy))
    laid = _lay(color, disparity, occupancy, float(growth), float(zoom), float(focus))
    return laid[..., :3], np.minimum(laid[..., 3], 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _outwards(size: int, outwards: bool) -> np.ndarray:
    """Return 0 … size − 1 by distance from the middle, rising or falling."""
    order = np.empty(size, np.int64)
    for i in range(size):
        order[i] = (size - 1) // 2 + ((i + 1) // 2 if i % 2 == 1 else -(i // 2))
    if not outwards:
        order = order[::-1].copy()
    return order


@njit(cache=True, nogil=True, error_model="numpy")
def _way(offset: float, disparity: float, growth: float, focus: float) -> float:
    """Return how far from the middle a pixel comes to lie that was `offset` from it, before the zoom."""
    return (1.0 + growth * (disparity - focus)) * offset


@njit(cache=True, nogil=True, error_model="numpy")
def _lay(
    color: np.ndarray, disparity: np.ndarray, occupancy: np.ndarray, growth: float, zoom: float, focus: float
) -> np.ndarray:
    """Lay all layers, nearest first, into (H, W, 4): colour × coverage, coverage."""
    layers, _, height, width = disparity.shape
    view = np.zeros((height, width, 4), np.float32)
    widest = int(np.ceil(REACH * zoom * (1.0 + abs(growth)))) + 2
    heights_x, heights_y = np.zeros(widest), np.zeros(widest)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    columns, rows = _outwards(width, growth > 0), _outwards(height, growth > 0)
    # Hidden layers come two columns late (one a side): where layers lie level, the front one is seen.
    for step in range(width + 2):
        for layer in range(layers):
            at = step if layer == 0 else step - 2
            if at < 0 or at >= width:
                continue
            x = columns[at]
            for y in rows:
                alpha = occupancy[layer, 0, y, x]
                if alpha <= 0.0:
                    continue
                plane = disparity[layer, 0]
                here = plane[y, x]
                dx, dy = x - middle_x, y - middle_y
                way_x, way_y = _way(dx, here, growth, focus), _way(dy, here, growth, focus)
                left = right = above = below = 2 * TEAR_END
                if x > 0:
                    left = way_x - _way(dx - 1, plane[y, x - 1], growth, focus) - 1
                if x < width - 1:
                    right = _way(dx + 1, plane[y, x + 1], growth, focus) - way_x - 1
                if y > 0:
                    above = way_y - _way(dy - 1, plane[y - 1, x], growth, focus) - 1
                if y < height - 1:
                    below = _way(dy + 1, plane[y + 1, x], growth, focus) - way_y - 1
                place_x, place_y = middle_x + zoom * way_x, middle_y + zoom * way_y
                first_x, count_x = _axis_hat(place_x, left, right, zoom, width, heights_x)
                first_y, count_y = _axis_hat(place_y, above, below, zoom, height, heights_y)
                for j in range(count_y):
                    if heights_y[j] <= 0.0:
                        continue
                    for i in range(count_x):
                        cell = view[first_y + j, first_x + i]
                        weight = min(alpha * heights_x[i] * heights_y[j], 1.0 - cell[3])
                        if weight <= 0.0:
                            continue
                        cell[0] += weight * color[layer, 0, y, x]
                        cell[1] += weight * color[layer, 1, y, x]
                        cell[2] += weight * color[layer, 2, y, x]
                        cell[3] += weight
    return view
