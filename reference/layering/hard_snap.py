"""Snapping of soft depth edges, as published: a bilateral median over the pixels that lie on no edge.

Shih et al., "3D Photography using Context-aware Layered Depth Inpainting" (CVPR 2020), §3.1, and its code.
"""

import numpy as np

# Side of the median's window, pass by pass.
WINDOWS = (7, 7, 5, 5)
SPATIAL_SIGMA = 4.0
RANGE_SIGMA = 0.5
# Pixels whose windows are sorted at a time.
CHUNK = 1 << 14


def discontinuities(disparity: np.ndarray, threshold: float) -> np.ndarray:
    """Return where (H, W) disparity steps by more than `threshold` to any of the four neighbours, bool."""
    found = np.zeros(disparity.shape, bool)
    down = np.abs(np.diff(disparity, axis=0)) > threshold
    right = np.abs(np.diff(disparity, axis=1)) > threshold
    found[:-1] |= down
    found[1:] |= down
    found[:, :-1] |= right
    found[:, 1:] |= right
    return found


def snap_edges(disparity: np.ndarray, threshold: float) -> np.ndarray:
    """Sharpen the edges of disparity (H, W): four passes of `bilateral_median`, windows 7, 7, 5, 5."""
    for window in WINDOWS:
        disparity = bilateral_median(disparity, discontinuities(disparity, threshold), window)
    return disparity


def bilateral_median(disparity: np.ndarray, edges: np.ndarray, window: int) -> np.ndarray:
    """Replace each pixel near an edge by the weighted median of the pixels around it that are on no edge.

    Weights fall with distance (σ 4 px) and with difference of disparity (σ 0.5). A pixel with no edge in its
    window stays, and so does one whose window is nothing but edge. The frame's border is repeated.

    Args:
        disparity: (H, W) float32.
        edges: (H, W) bool.
        window: odd side.

    Returns:
        (H, W) float32, each value one of the window's.
    """
    radius = window // 2
    height, width = disparity.shape
    values = np.pad(disparity, radius, mode="edge")
    on_edge = np.pad(edges, radius, mode="edge")
    steps = [(dy, dx) for dy in range(window) for dx in range(window)]
    near = np.zeros_like(edges)
    for dy, dx in steps:
        near |= on_edge[dy : dy + height, dx : dx + width]
    rows, columns = np.nonzero(near)
    offsets = np.array(steps) - radius
    spatial = np.exp(-(offsets**2).sum(axis=1) / (2 * SPATIAL_SIGMA**2))
    out = disparity.copy()
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        y = rows[part, None] + offsets[:, 0] + radius
        x = columns[part, None] + offsets[:, 1] + radius
        patch = values[y, x]
        here = disparity[rows[part], columns[part]][:, None]
        weight = spatial * np.exp(-((patch - here) ** 2) / (2 * RANGE_SIGMA**2)) * ~on_edge[y, x]
        order = np.argsort(patch, axis=1, kind="stable")
        sums = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
        middle = np.argmax(sums >= 0.5 * sums[:, -1:], axis=1)[:, None]
        median = np.take_along_axis(np.take_along_axis(patch, order, axis=1), middle, axis=1)
        out[rows[part], columns[part]] = np.where(sums[:, -1:] > 0, median, here)[:, 0]
    return out
