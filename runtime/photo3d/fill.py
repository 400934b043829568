"""Filling what no layer covers in a finished view, so that a video shows no holes."""

import numpy as np

# A pixel counts as known in a coarser level as soon as an eighth of it is.
ENOUGH = 0.125


def fill_holes(rgb: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Fill the uncovered share of every pixel with the mean of what is around (push-pull pyramid).

    Push-pull after Gortler et al., "The Lumigraph", SIGGRAPH 1996.

    Args:
        rgb: (H, W, 3) float32, colour × coverage.
        coverage: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) float32; covered pixels as they were; black if nothing at all is covered.
    """
    if coverage.min() >= 1.0:
        return rgb
    height, width = coverage.shape
    if max(height, width) == 1:
        return rgb / max(float(coverage.max()), 1e-6)
    # Even sizes by repeating the edge, so that 2×2 blocks tile the frame.
    padding = ((0, height % 2), (0, width % 2))
    color = np.pad(rgb, (*padding, (0, 0)), mode="edge")
    cover = np.pad(coverage, padding, mode="edge")
    small_color = _halve(color)
    small_cover = _halve(cover)
    scale = np.minimum(1.0, 1.0 / ENOUGH * small_cover) / np.maximum(small_cover, 1e-6)
    coarse = fill_holes(small_color * scale[..., None], np.minimum(small_cover * scale, 1.0))
    wide = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return rgb + (1.0 - coverage)[..., None] * wide


def _halve(plane: np.ndarray) -> np.ndarray:
    """Average 2×2 blocks of (H, W, …), both even."""
    return (plane[0::2, 0::2] + plane[1::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 1::2]) / 4
