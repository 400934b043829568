"""Palettes: a weight tensor as indices into a few values (Core ML's weight palettisation)."""

import numpy as np

MOST_ROUNDS = 100


def palette(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose the values that a weight tensor is rounded to, by k-means (Lloyd) on the line.

    It starts from evenly spaced quantiles of the weights, so the same weights always give the same palette.

    Args:
        weight: of any shape.
        bits: of an index: there are 2^bits values.

    Returns:
        The values, (2^bits,), ascending, of the weight's own type; and for every weight, flattened, the index
        of its value, uint8.
    """
    values = weight.reshape(-1).astype(np.float64)
    count = 2**bits
    centres = np.quantile(values, (np.arange(count) + 0.5) / count)
    indices = _nearest(values, centres)
    for _ in range(MOST_ROUNDS):
        held = np.bincount(indices, minlength=count)
        sums = np.bincount(indices, weights=values, minlength=count)
        centres = np.sort(np.where(held > 0, sums / np.maximum(held, 1), centres))
        moved = _nearest(values, centres)
        if np.array_equal(moved, indices):
            break
        indices = moved
    return centres.astype(weight.dtype), indices.astype(np.uint8)


def _nearest(values: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the index of the nearest of ascending centres."""
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, values)
