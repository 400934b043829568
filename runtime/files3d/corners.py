"""Which of the four cells around a corner of a grid hang together there, and at what disparity."""

from dataclasses import dataclass

import numpy as np

NONE = 4


@dataclass(frozen=True)
class Corners:
    """The corners of an h×w grid of cells.

    Quadrants are 0 upper left, 1 upper right, 2 lower left, 3 lower right.

    Attributes:
        sheet: (4, h+1, w+1) uint8: which sheet of surface the cell in this quadrant belongs to here, named by
            its first quadrant; `NONE` where there is no cell. Cells of one sheet share a vertex.
        value: (4, h+1, w+1) float32: by the sheet's name, the mean disparity of its cells.
    """

    sheet: np.ndarray
    value: np.ndarray

    @property
    def whole(self) -> np.ndarray:
        """(h+1, w+1) bool: just one sheet passes here."""
        first = self.sheet.min(axis=0)
        return (first < NONE) & ((self.sheet == first) | (self.sheet == NONE)).all(axis=0)


def find_corners(disparity: np.ndarray, present: np.ndarray, right: np.ndarray, below: np.ndarray) -> Corners:
    """Find the sheets at every corner.

    Args:
        disparity: (h, w) float32.
        present: (h, w) bool: there is a cell.
        right: (h, w−1) bool: the cell hangs together with the one to its right.
        below: (h−1, w) bool: with the one below.
    """
    height, width = disparity.shape
    shape = (4, height + 1, width + 1)
    there = np.zeros(shape, bool)
    near = np.zeros(shape, np.float32)
    for quadrant in range(4):
        # Quadrant 0 of corner (i, j) is cell (i−1, j−1), quadrant 3 is cell (i, j).
        rows = slice(1, None) if quadrant < 2 else slice(None, -1)
        columns = slice(1, None) if quadrant % 2 == 0 else slice(None, -1)
        there[quadrant, rows, columns] = present
        near[quadrant, rows, columns] = disparity
    across = np.pad(right & present[:, :-1] & present[:, 1:], 1)
    down = np.pad(below & present[:-1] & present[1:], 1)
    # (a, b, whether they hang together): upper pair, lower pair, left pair, right pair.
    links = ((0, 1, across[:-1]), (2, 3, across[1:]), (0, 2, down[:, :-1]), (1, 3, down[:, 1:]))
    sheet = np.where(there, np.arange(4, dtype=np.uint8)[:, None, None], np.uint8(NONE))
    for _ in range(3):  # the longest chain around a corner has three links
        for a, b, together in links:
            first = np.where(together, np.minimum(sheet[a], sheet[b]), 0)
            sheet[a] = np.where(together, first, sheet[a])
            sheet[b] = np.where(together, first, sheet[b])
    value = np.zeros(shape, np.float32)
    for name in range(4):
        members = sheet == name
        count = members.sum(axis=0)
        value[name] = np.where(members, near, 0).sum(axis=0) / np.maximum(count, 1)
    return Corners(sheet, value)
