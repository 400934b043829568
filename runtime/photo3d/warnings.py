"""Where a 3D photo will disappoint, and what to do about it."""

import numpy as np

from ...reference.ldi import LDI

# Disparity between the 2nd and the 98th percentile below which a photo hardly moves (5 px at 1080).
LITTLE_DEPTH = 0.1


def depth_range(ldi: LDI) -> float:
    """Return the disparity between the 2nd and the 98th percentile of the visible layer."""
    low, high = np.percentile(ldi.disparity[0], (2, 98))
    return float(high - low)


def disappointments(ldi: LDI, parallax: float) -> list[str]:
    """Return warnings, one line each.

    Args:
        ldi: at the program's size.
        parallax: of its layers.
    """
    found = []
    depth = depth_range(ldi)
    if depth < LITTLE_DEPTH:
        found.append(
            f"too little depth: the scene spans {depth:.2f} of the disparity range and will hardly move; "
            "a photo with something near and something far moves more, and --depth-map takes your own depth"
        )
    return found
