"""A rim of one pixel around what hidden layers show, so that no crack opens between them and the visible one.

The renderer's pixels overlap their neighbours by half of their width where a surface ends; triangles do not.
Where a hidden layer begins, the visible one ends, at a disparity that is nearly but not quite the same: seen
from aside, a gap of a fraction of a pixel would flicker there.
"""

import numpy as np

from ...reference.ldi import LDI
from .texture import cutoff

# Pixels at full parallax that a rim lies behind the layer it goes on from: it never hides the visible one.
BEHIND_PX = 0.25
_NOTHING = np.float32(np.inf)
_AROUND = [(y, x) for y in (0, 1, 2) for x in (0, 1, 2) if (y, x) != (1, 1)]


def with_rims(ldi: LDI, parallax: float) -> LDI:
    """Return an LDI whose hidden layers go on by one pixel, with the colour and disparity of their border.

    Args:
        ldi: the layers.
        parallax: largest parallax as a fraction of the long side.
    """
    color, disparity, occupancy = ldi.color.copy(), ldi.disparity.copy(), ldi.occupancy.copy()
    behind = BEHIND_PX / (parallax * max(ldi.size))
    height, width = ldi.size
    for layer in range(1, ldi.layers):
        there = ldi.occupancy[layer, 0] >= cutoff(layer)
        padded = np.pad(np.where(there, ldi.disparity[layer, 0], _NOTHING), 1, constant_values=_NOTHING)
        farthest = np.full((height, width), _NOTHING)
        side = np.zeros((height, width), np.uint8)
        for index, (y, x) in enumerate(_AROUND):
            neighbour = padded[y : y + height, x : x + width]
            side[neighbour < farthest] = index
            np.minimum(farthest, neighbour, out=farthest)
        row, column = np.nonzero(~there & (farthest < _NOTHING))
        from_row, from_column = np.array(_AROUND)[side[row, column]].T - 1 + (row, column)
        color[layer, :, row, column] = ldi.color[layer, :, from_row, from_column]
        far = ldi.disparity[layer, 0, from_row, from_column] - np.float32(behind)
        disparity[layer, 0, row, column] = np.maximum(far, 0)
        occupancy[layer, 0, row, column] = 1
    return LDI(color, disparity, occupancy)
