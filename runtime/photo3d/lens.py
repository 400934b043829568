"""The inner loop of refocusing, compiled: what lies in one slab of depth, blurred by a disk."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def blurred_slab(
    color: np.ndarray, occupancy: np.ndarray, slabs: np.ndarray, index: int, radius: float
) -> np.ndarray:
    """Blur what lies in one slab by a disk: (H, W, 4) float32, colour × alpha and alpha.

    Each row of the slab is added to the rows that the disk reaches, widened by the disk's width there; sums
    from the left make that cost the same for any width. The disk is cut off by fractions of a pixel.

    Args:
        color: (L, 3, H, W).
        occupancy: (L, H, W).
        slabs: (L, H, W) int32.
        index: which of them.
        radius: of the disk, in pixels.
    """
    layers, height, width = slabs.shape
    out = np.zeros((height, width, 4), np.float32)
    reach = int(np.ceil(radius))
    halves = np.zeros(2 * reach + 1)
    area = 0.0
    for dy in range(-reach, reach + 1):
        # Half the width of the disk in that row; a little more, for the rows that it cuts.
        halves[dy + reach] = np.sqrt(max((radius + 0.25) ** 2 - dy * dy, 0.0))
        area += 2 * halves[dy + reach]
    sums = np.zeros((width + 1, 4))
    for y in range(height):
        left, right = width, -1
        row = np.zeros((width, 4))
        for layer in range(layers):
            for x in range(width):
                alpha = occupancy[layer, y, x]
                if slabs[layer, y, x] != index or alpha <= 0.0:
                    continue
                alpha = min(alpha, 1.0 - row[x, 3])  # two layers of one slab are one surface
                for channel in range(3):
                    row[x, channel] += alpha * color[layer, channel, y, x]
                row[x, 3] += alpha
                left, right = min(left, x), max(right, x)
        if right < 0:
            continue
        if radius < 0.5:
            out[y] += row.astype(np.float32)
            continue
        for x in range(width):
            for channel in range(4):
                sums[x + 1, channel] = sums[x, channel] + row[x, channel]
        for dy in range(max(-reach, -y), min(reach, height - 1 - y) + 1):
            half = halves[dy + reach]
            if half <= 0.0:
                continue
            first = max(int(np.floor(left - half)) - 1, 0)
            last = min(int(np.ceil(right + half)) + 1, width - 1)
            for x in range(first, last + 1):
                begin, end = max(x + 0.5 - half, 0.0), min(x + 0.5 + half, float(width))
                b, e = int(begin), min(int(end), width - 1)
                for channel in range(4):
                    before = sums[b, channel] + (begin - b) * row[b, channel]
                    until = sums[e, channel] + (end - e) * row[e, channel]
                    out[y + dy, x, channel] += (until - before) / area
    return out
