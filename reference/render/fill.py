"""Filling what no layer shows, for looking at: parity is judged on views that are not filled."""

import numpy as np

from .renderer import HOLE, View


def fill_holes(view: View) -> np.ndarray:
    """Return the view's colour with holes filled smoothly from around them.

    A pull-push pyramid (Gortler et al., "The Lumigraph", SIGGRAPH 1996): each level takes from the one below
    what is covered, and hands colour back to what is not. Fully covered pixels stay as they are; where
    nothing at all is covered the colour is black.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    # `rgb` is colour × coverage / max(coverage, HOLE): undo that, to have colour × coverage.
    color = view.rgb * np.maximum(view.coverage, HOLE)[..., None]
    return np.clip(_pull_push(color, view.coverage[..., None].copy()), 0.0, 1.0)


def _pull_push(color: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return colour everywhere, from colour × weight (H, W, 3) and weight (H, W, 1) in [0, 1]."""
    height, width = weight.shape[:2]
    if weight.min() >= 1.0 or max(height, width) == 1:
        return color / np.maximum(weight, 1e-6)
    half_color, half_weight = _halve(color), _halve(weight)
    # A coarse pixel that is half covered is sure of its colour: its weight doubles, to 1 at most.
    sure = np.minimum(1.0, 2.0 * half_weight)
    around = _pull_push(half_color * (sure / np.maximum(half_weight, 1e-6)), sure)
    around = np.repeat(np.repeat(around, 2, axis=0), 2, axis=1)[:height, :width]
    return color + (1.0 - weight) * around


def _halve(plane: np.ndarray) -> np.ndarray:
    """Return the mean of 2×2 blocks; an odd edge is repeated."""
    plane = np.pad(plane, ((0, plane.shape[0] % 2), (0, plane.shape[1] % 2), (0, 0)), mode="edge")
    return (plane[0::2, 0::2] + plane[1::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 1::2]) * np.float32(0.25)
