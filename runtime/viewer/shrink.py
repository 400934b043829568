"""An LDI small enough for a browser's textures."""

import numpy as np
from PIL import Image

from ...reference.ldi import LDI


def shrink(ldi: LDI, max_side: int) -> LDI:
    """Return `ldi` with its long side at most `max_side`, as it is where it is small enough.

    Colour and occupancy are averaged; disparity is picked, since the mean of two surfaces lies on neither.
    An LDI made anew at the smaller size has crisper edges (`full_resolution`).
    """
    height, width = ldi.size
    share = max_side / max(height, width)
    if share >= 1.0:
        return ldi
    size = (max(round(width * share), 1), max(round(height * share), 1))
    occupancy = np.stack([_resize(plane[0], size, Image.Resampling.BOX) for plane in ldi.occupancy])
    disparity = np.stack([_resize(plane[0], size, Image.Resampling.NEAREST) for plane in ldi.disparity])
    color = np.empty((ldi.layers, 3, *size[::-1]), np.float32)
    for layer in range(ldi.layers):
        # A hidden layer counts only where it is: what it holds elsewhere may be black.
        weight = np.ones((height, width), np.float32) if layer == 0 else ldi.occupancy[layer, 0]
        share_filled = np.maximum(_resize(weight, size, Image.Resampling.BOX), 1e-6)
        for channel in range(3):
            mean = _resize(ldi.color[layer, channel] * weight, size, Image.Resampling.BOX)
            color[layer, channel] = mean / share_filled
    return LDI(
        np.clip(color, 0.0, 1.0), disparity[:, None].copy(), np.clip(occupancy, 0.0, 1.0)[:, None].copy()
    )


def _resize(plane: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, how))
