"""Colours for planes of numbers: disparity, and differences on a stated scale."""

import math

import numpy as np

# Anchors of the perceptually even map "inferno" (van der Walt and Smith, 2015; CC0), dark to bright.
_INFERNO = np.array(
    [
        (0, 0, 4),
        (31, 12, 72),
        (85, 15, 109),
        (136, 34, 106),
        (186, 54, 85),
        (227, 89, 51),
        (249, 140, 10),
        (249, 201, 50),
        (252, 255, 164),
    ],
    dtype=np.float64,
)
# Differences below this are not worth a colour.
SMALLEST_SCALE = 1e-6


def inferno(plane: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Colour a plane (H, W), `low` dark to `high` bright; values that are not finite are cyan.

    Returns:
        (H, W, 3) uint8.
    """
    finite = np.isfinite(plane)
    span = max(high - low, 1e-12)
    place = np.clip((np.where(finite, plane, low) - low) / span, 0.0, 1.0) * (len(_INFERNO) - 1)
    anchors = np.arange(len(_INFERNO))
    colored = np.stack([np.interp(place, anchors, _INFERNO[:, c]) for c in range(3)], axis=-1)
    colored[~finite] = (0, 255, 255)
    return np.rint(colored).astype(np.uint8)


def full_scale(difference: np.ndarray) -> float:
    """Return the power of ten, at most 1, that holds a difference: so that its map's scale can be read."""
    finite = difference[np.isfinite(difference)]
    largest = float(finite.max()) if finite.size else 1.0
    return float(min(1.0, 10.0 ** math.ceil(math.log10(max(largest, SMALLEST_SCALE)))))
