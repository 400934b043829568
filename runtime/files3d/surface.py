"""One layer of an LDI as triangles: torn where the scene is, exact at its edges, coarse where it is smooth.

A pixel is a small square whose corners it shares with those neighbours it hangs together with. Where the
step to a neighbour is above what the renderer stretches, each side keeps its own corner, so that no sheet of
rubber spans the tear and no pixel of an edge is lost. Squares of n×n pixels without a tear that lie flat are
then replaced by one large square; corners that remain on the side of a large square are moved onto it, so
that no crack opens (straight lines of disparity are straight in space, see `Pinhole`).
"""

from dataclasses import dataclass

import numpy as np

from ...reference.config import LayeringConfig
from ...reference.errors import InputError
from ...reference.ldi import LDI
from .corners import NONE, Corners, find_corners
from .pinhole import Pinhole
from .texture import cutoff as occupied_from

MAX_TRIANGLES = 200_000
# Pixels at full parallax: the renderer's links begin to let go at 1 (`splat.TEAR`) and have at 1.5.
TEAR_PX = 1.25
# Pixels at full parallax by which a large square may miss the surface.
FLAT_PX = 0.25
LARGE_CELLS = (32, 16, 8, 4, 2)
# The finest grid looked at has this many triangles for each of those allowed: merging leaves far fewer.
_FINEST = 8


@dataclass(frozen=True)
class Surface:
    """Triangles of one layer; empty where the layer is not occupied.

    Attributes:
        points: (V, 3) float32 in metres, axes as of `Pinhole`.
        uv: (V, 2) float32 in [0, 1] on the layer's picture; (0, 0) is its upper left corner.
        triangles: (T, 3) int64, indices of `points`; counter-clockwise as the camera sees them.
        pixels: (V,) int64: for each vertex the pixel (row · width + column) whose colour it has.
    """

    points: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    pixels: np.ndarray


def triangulate(
    disparity: np.ndarray,
    occupancy: np.ndarray,
    pinhole: Pinhole,
    *,
    parallax: float = LayeringConfig.max_parallax,
    cutoff: float = 0.5,
    max_triangles: int = MAX_TRIANGLES,
    merge: bool = True,
) -> Surface:
    """Make triangles of one layer.

    Args:
        disparity: (H, W) float32 in [0, 1].
        occupancy: (H, W) float32 in [0, 1].
        pinhole: where the points lie.
        parallax: largest parallax as a fraction of the long side: fixes where the surface tears.
        cutoff: pixels that are occupied less are left out.
        max_triangles: above it the grid is made coarser, by picking pixels.
        merge: replace smooth squares by large ones (not for colours that are kept at vertices).

    Raises:
        InputError: disparity or occupancy are not finite, or `max_triangles` is below 2.
    """
    if not (np.isfinite(disparity).all() and np.isfinite(occupancy).all()):
        raise InputError("cannot make triangles: the layer holds values that are not finite")
    if max_triangles < 2:
        raise InputError(f"a surface needs at least 2 triangles, got {max_triangles}")
    height, width = disparity.shape
    largest = parallax * max(height, width)
    step = max(1, int(np.sqrt(2 * height * width / (_FINEST * max_triangles))))
    while True:
        grid = _Grid.of(disparity, occupancy >= cutoff, step, TEAR_PX / largest)
        cells, size = _large_cells(grid, FLAT_PX / largest) if merge else (None, 1)
        if grid.count(cells, size) <= max_triangles:
            return _surface(grid, cells, size, pinhole)
        step += max(1, step // 4)


@dataclass(frozen=True)
class _Grid:
    """Squares of `step` pixels, each with the disparity of its middle pixel.

    Attributes:
        disparity, present: (h, w).
        corners: how they hang together.
        rows, columns: (h,), (w,) the middle pixels.
        step: pixels a side.
        size: (height, width) of the layer.
    """

    disparity: np.ndarray
    present: np.ndarray
    corners: Corners
    rows: np.ndarray
    columns: np.ndarray
    step: int
    size: tuple[int, int]

    @classmethod
    def of(cls, disparity: np.ndarray, occupied: np.ndarray, step: int, tear: float) -> "_Grid":
        height, width = disparity.shape
        tops, lefts = np.arange(0, height, step), np.arange(0, width, step)
        rows = np.minimum(tops + step // 2, height - 1)
        columns = np.minimum(lefts + step // 2, width - 1)
        present = np.logical_or.reduceat(np.logical_or.reduceat(occupied, tops, axis=0), lefts, axis=1)
        # A tear anywhere between two middle pixels parts their squares.
        across = np.abs(np.diff(disparity[rows], axis=1)) <= tear
        down = np.abs(np.diff(disparity[:, columns], axis=0)) <= tear
        right = _all_between(across, columns, axis=1)
        below = _all_between(down, rows, axis=0)
        picked = np.ascontiguousarray(disparity[np.ix_(rows, columns)])
        corners = find_corners(picked, present, right, below)
        return cls(picked, present, corners, rows, columns, step, (height, width))

    def count(self, cells: np.ndarray | None, size: int) -> int:
        """Return the number of triangles when `cells` of `size`×`size` squares are merged."""
        merged = 0 if cells is None else int(cells.sum())
        return 2 * (int(self.present.sum()) - merged * (size * size - 1))


def _all_between(holds: np.ndarray, middles: np.ndarray, axis: int) -> np.ndarray:
    """Say for each two middles in a row whether all links between them hold."""
    if len(middles) == 1:
        return np.take(holds, [], axis=axis)
    inner = np.take(holds, np.arange(middles[-1]), axis=axis)
    return np.logical_and.reduceat(inner, middles[:-1], axis=axis)


def _large_cells(grid: _Grid, flat: float) -> tuple[np.ndarray | None, int]:
    """Choose the size of the large cells that leaves the fewest triangles.

    Returns:
        (h // size, w // size) bool, which of them replace their squares; and the size in squares.
    """
    best: tuple[np.ndarray | None, int] = (None, 1)
    whole = grid.corners.whole
    value = _single_value(grid.corners)
    for size in LARGE_CELLS:
        rows, columns = (side // size for side in grid.present.shape)
        if not rows or not columns:
            continue
        window = (size + 1, size + 1)
        fits = _windows(whole, window, size, rows, columns).all(axis=(2, 3))
        fits &= _windows(grid.present, (size, size), size, rows, columns).all(axis=(2, 3))
        height = _windows(value, window, size, rows, columns)
        ramp = np.linspace(0, 1, size + 1, dtype=np.float32)
        hat = np.stack([1 - ramp, ramp])
        ends = height[:, :, ::size, ::size]
        plane = np.einsum("ijab,ay,bx->ijyx", ends, hat, hat, optimize=True)
        fits &= np.abs(height - plane).max(axis=(2, 3)) <= flat
        if grid.count(fits, size) < grid.count(*best):
            best = (fits, size)
    return best


def _windows(plane: np.ndarray, window: tuple[int, int], size: int, rows: int, columns: int) -> np.ndarray:
    """Cut (rows, columns) windows out of a plane, `size` apart."""
    view = np.lib.stride_tricks.sliding_window_view(plane, window)
    return view[::size, ::size][:rows, :columns]


def _single_value(corners: Corners) -> np.ndarray:
    """(h+1, w+1) float32: the disparity at each corner's first sheet; 0 where there is none."""
    first = np.minimum(corners.sheet.min(axis=0), NONE - 1)
    return np.take_along_axis(corners.value, first[None].astype(np.int64), axis=0)[0]


def _surface(grid: _Grid, cells: np.ndarray | None, size: int, pinhole: Pinhole) -> Surface:
    """Write the vertices and triangles down."""
    sheet = grid.corners.sheet
    value = _single_value(grid.corners)
    fine = grid.present.copy()
    large_row, large_column = np.zeros((2, 0), np.int64)
    if cells is not None:
        large_row, large_column = (index * size for index in np.nonzero(cells))
        _straighten(value, large_row, large_column, size)
        fine[: cells.shape[0] * size, : cells.shape[1] * size] &= ~cells.repeat(size, 0).repeat(size, 1)
    first = sheet.min(axis=0)
    small_row, small_column = np.nonzero(fine)
    quads = []
    # Corners counter-clockwise from the upper left, and the quadrant that the square is in, seen from there.
    for down, along, quadrant in ((0, 0, 3), (1, 0, 1), (1, 1, 0), (0, 1, 2)):
        row, column = small_row + down, small_column + along
        small = (row * first.shape[1] + column) * NONE + sheet[quadrant, row, column]
        row, column = large_row + down * size, large_column + along * size
        large = (row * first.shape[1] + column) * NONE + first[row, column]
        quads.append(np.concatenate([small, large]))
    names, index = np.unique(np.stack(quads, axis=1), return_inverse=True)
    index = index.reshape(-1, 4)
    corner, own = names // NONE, names % NONE
    row, column = corner // first.shape[1], corner % first.shape[1]
    disparity = np.where(own == first[row, column], value[row, column], grid.corners.value[own, row, column])
    height, width = grid.size
    x, y = np.minimum(column * grid.step, width), np.minimum(row * grid.step, height)
    # Quadrants 0 and 1 are the row above the corner, 0 and 2 the column to its left.
    pixels = grid.rows[row - (own < 2)] * width + grid.columns[column - (own % 2 == 0)]
    return Surface(
        points=pinhole.points(x, y, disparity, grid.size).astype(np.float32),
        uv=np.stack([x / width, y / height], axis=1).astype(np.float32),
        triangles=np.concatenate([index[:, [0, 1, 2]], index[:, [0, 2, 3]]]),
        pixels=pixels,
    )


def _straighten(value: np.ndarray, row: np.ndarray, column: np.ndarray, size: int) -> None:
    """Move the corners on the sides of large cells onto the straight line between their ends, in place."""
    share = np.arange(1, size, dtype=np.float32) / size
    along = np.arange(1, size)
    ends = {(a, b): value[row + a * size, column + b * size][:, None] for a in (0, 1) for b in (0, 1)}
    for side in (0, 1):
        line = ends[side, 0] * (1 - share) + ends[side, 1] * share
        value[(row + side * size)[:, None], column[:, None] + along] = line
        line = ends[0, side] * (1 - share) + ends[1, side] * share
        value[row[:, None] + along, (column + side * size)[:, None]] = line


def layer_surfaces(
    ldi: LDI,
    pinhole: Pinhole,
    *,
    parallax: float = LayeringConfig.max_parallax,
    max_triangles: int = MAX_TRIANGLES,
    merge: bool = True,
) -> list[tuple[int, Surface]]:
    """Make triangles of every layer that is occupied anywhere, with its number, front to back.

    Args:
        ldi: the layers.
        pinhole: see `triangulate`, as for the others; `max_triangles` is for each layer.

    Raises:
        InputError: see `triangulate`; or no layer is occupied anywhere.
    """
    made = []
    for layer in range(ldi.layers):
        surface = triangulate(
            ldi.disparity[layer, 0],
            ldi.occupancy[layer, 0],
            pinhole,
            parallax=parallax,
            cutoff=occupied_from(layer),
            max_triangles=max_triangles,
            merge=merge,
        )
        if len(surface.triangles):
            made.append((layer, surface))
    if not made:
        raise InputError("cannot make triangles: no layer of the LDI is occupied anywhere")
    return made
