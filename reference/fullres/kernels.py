"""The compiled loops of full resolution, each over a strip of rows, so that strips run in parallel.

Places: pixel centres are at half-integers in both grids, and each grid covers the same frame; sampling past
the outermost centres repeats them.
"""

import math

import numpy as np
from numba import njit

# Samples of the small grid to each side that an edge pixel looks at: enough for an edge blurred over 5.
RADIUS = 2
# Spread of the weights in samples of the small grid: 1 keeps the contour of a stair-stepped edge smooth.
SPATIAL_SIGMA = 1.0
# Spread in colour distance (RGB in [0, 1], Euclidean): about what separates two surfaces in a photo.
COLOR_SIGMA = 0.1
# Weight that a sample of quite another colour keeps: where colours do not tell, place decides.
COLOR_FLOOR = 0.1
# Mean shift: how many spreads fit into the local range of disparity, round by round.
SHARPNESS = (2.5, 5.0, 5.0, 5.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _place(index: int, small: int, large: int) -> tuple[int, int, float]:
    """Return the two small-grid samples beside a pixel of the large grid, and the share of the second."""
    at = (index + 0.5) * small / large - 0.5
    at = min(max(at, 0.0), small - 1.0)
    first = int(at)
    return first, min(first + 1, small - 1), at - first


@njit(cache=True, nogil=True, error_model="numpy")
def _bilinear(plane: np.ndarray, y: tuple[int, int, float], x: tuple[int, int, float]) -> float:
    top = plane[y[0], x[0]] + x[2] * (plane[y[0], x[1]] - plane[y[0], x[0]])
    bottom = plane[y[1], x[0]] + x[2] * (plane[y[1], x[1]] - plane[y[1], x[0]])
    return top + y[2] * (bottom - top)


@njit(cache=True, nogil=True, error_model="numpy")
def _ramp(value: float, start: float, end: float) -> float:
    return min(max((value - start) / (end - start), 0.0), 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _bell(distance: float) -> float:
    """Return a Gaussian lowered to 0 where the window ends, so that nothing jumps as the window moves on."""
    end = (RADIUS + 0.5) / SPATIAL_SIGMA
    height = math.exp(-0.5 * (distance / SPATIAL_SIGMA) ** 2) - math.exp(-0.5 * end * end)
    return max(height, 1e-6)


@njit(cache=True, nogil=True, error_model="numpy")
def _mode(values: np.ndarray, weights: np.ndarray, count: int) -> float:
    """Return the weighted mean of `values`, moved by mean shift to the surface that most of the weight is on.

    Mean shift (Comaniciu and Meer, 2002) leaves an even slope where it is and takes a pixel between two
    surfaces to one of them.
    """
    total, mean = 0.0, 0.0
    low, high = values[0], values[0]
    for i in range(count):
        total += weights[i]
        mean += weights[i] * values[i]
        low, high = min(low, values[i]), max(high, values[i])
    mean /= total
    if high - low < 1e-6:
        return mean
    for spreads in SHARPNESS:
        total, moved = 0.0, 0.0
        for i in range(count):
            distance = (values[i] - mean) / (high - low) * spreads
            weight = weights[i] * math.exp(-0.5 * distance * distance)
            total += weight
            moved += weight * values[i]
        mean = moved / total
    return min(max(mean, low), high)


@njit(cache=True, nogil=True, error_model="numpy")
def upsample_edges(
    small: np.ndarray,
    spread: np.ndarray,
    small_color: np.ndarray,
    photo: np.ndarray,
    guided: bool,
    start: float,
    end: float,
    top: int,
    bottom: int,
    out: np.ndarray,
) -> None:
    """Fill rows [top, bottom) of `out` with disparity: bilinear on surfaces, one of two at edges.

    Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007) gives the weights, mean shift the decision; both
    only where the small grid is steep, so that no texture of the photo is copied into a surface.

    Args:
        small: (h, w) float32 disparity of the small grid.
        spread: (h, w) float32, largest minus smallest disparity of each sample's 3×3 neighbourhood.
        small_color: (h, w, 3) float32 RGB in [0, 1] of the small grid (not read unless `guided`).
        photo: (H, W, 3) uint8 (not read unless `guided`).
        guided: weigh by colour too.
        start, end: from this spread to that, bilinear gives way to the decision.
        top, bottom: rows.
        out: (H, W) float32.
    """
    height, width = small.shape
    full_height, full_width = out.shape
    values = np.empty((2 * RADIUS + 1) ** 2)
    weights = np.empty((2 * RADIUS + 1) ** 2)
    for row in range(top, bottom):
        y = _place(row, height, full_height)
        for column in range(full_width):
            x = _place(column, width, full_width)
            smooth = _bilinear(small, y, x)
            share = _ramp(_bilinear(spread, y, x), start, end)
            if share == 0.0:
                out[row, column] = smooth
                continue
            at_y, at_x = y[0] + y[2], x[0] + x[2]
            near_y, near_x = int(at_y + 0.5), int(at_x + 0.5)
            count = 0
            for j in range(max(near_y - RADIUS, 0), min(near_y + RADIUS + 1, height)):
                for i in range(max(near_x - RADIUS, 0), min(near_x + RADIUS + 1, width)):
                    weight = _bell(j - at_y) * _bell(i - at_x)
                    if guided:
                        distance = 0.0
                        for c in range(3):
                            distance += (photo[row, column, c] / 255.0 - small_color[j, i, c]) ** 2
                        like = math.exp(-distance / (2 * COLOR_SIGMA**2))
                        weight *= COLOR_FLOOR + (1 - COLOR_FLOOR) * like
                    values[count], weights[count] = small[j, i], weight
                    count += 1
            out[row, column] = smooth + share * (_mode(values, weights, count) - smooth)


@njit(cache=True, nogil=True, error_model="numpy")
def smooth_edges(plane: np.ndarray, step: float, top: int, bottom: int, out: np.ndarray) -> None:
    """Fill rows [top, bottom) of `out` with `plane` (H, W), its median of 3×3 where that holds a step.

    Single pixels that the photo's colours sent to the wrong surface go back; surfaces stay as they are.
    """
    height, width = plane.shape
    window = np.empty(9, np.float32)
    for row in range(top, bottom):
        for column in range(width):
            here = plane[row, column]
            low, high, count = here, here, 0
            for j in range(max(row - 1, 0), min(row + 2, height)):
                for i in range(max(column - 1, 0), min(column + 2, width)):
                    value = plane[j, i]
                    low, high = min(low, value), max(high, value)
                    window[count] = value
                    count += 1
            out[row, column] = np.median(window) if count == 9 and high - low > step else here


@njit(cache=True, nogil=True, error_model="numpy")
def _middle(before: float, here: float, after: float, start: float, end: float) -> float:
    """Return `here`, moved to the nearer of its two neighbours as far as it stands alone on a steep slope."""
    rise, fall = here - before, after - here
    if rise * fall <= 0.0:
        return here
    share = _ramp(min(abs(rise), abs(fall)), start, end)
    return here + share * ((before if abs(rise) < abs(fall) else after) - here)


@njit(cache=True, nogil=True, error_model="numpy")
def step_edges(
    plane: np.ndarray,
    by_rows: bool,
    start: float,
    end: float,
    top: int,
    bottom: int,
    out: np.ndarray,
) -> None:
    """Fill rows [top, bottom) of `out` with `plane` (H, W), pixels half-way up a step moved to a side.

    Such a pixel belongs to no surface: a renderer would let it float between the two.
    """
    height, width = plane.shape
    for row in range(top, bottom):
        for column in range(width):
            here = plane[row, column]
            if by_rows and 0 < row < height - 1:
                here = _middle(plane[row - 1, column], here, plane[row + 1, column], start, end)
            elif not by_rows and 0 < column < width - 1:
                here = _middle(plane[row, column - 1], here, plane[row, column + 1], start, end)
            out[row, column] = here


@njit(cache=True, nogil=True, error_model="numpy")
def visibility(
    plane: np.ndarray,
    start_y: float,
    end_y: float,
    start_x: float,
    end_x: float,
    top: int,
    bottom: int,
    out: np.ndarray,
) -> None:
    """Fill rows [top, bottom) of `out` (uint8) with 255 × how visible a surface stays (`soft_visibility`).

    Args:
        plane: (H, W) float32 disparity.
        start_y, end_y: the ramp of the step to the pixels above and below.
        start_x, end_x: the ramp of the step to the pixels at the left and right.
        top, bottom: rows.
        out: (H, W) uint8.
    """
    height, width = plane.shape
    for row in range(top, bottom):
        for column in range(width):
            here = plane[row, column]
            up, down = plane[max(row - 1, 0), column], plane[min(row + 1, height - 1), column]
            left, right = plane[row, max(column - 1, 0)], plane[row, min(column + 1, width - 1)]
            fade = max(
                _ramp(min(abs(here - up), abs(here - down)), start_y, end_y),
                _ramp(min(abs(here - left), abs(here - right)), start_x, end_x),
            )
            out[row, column] = np.uint8(255.0 * (1.0 - fade) + 0.5)


@njit(cache=True, nogil=True, error_model="numpy")
def hide_behind(
    front: np.ndarray,
    small_front: np.ndarray,
    small_occupancy: np.ndarray,
    wide_occupancy: np.ndarray,
    small_color: np.ndarray,
    ramp: float,
    top: int,
    bottom: int,
    disparity: np.ndarray,
    occupancy: np.ndarray,
    color: np.ndarray,
) -> None:
    """Fit rows [top, bottom) of an upsampled hidden layer behind the layer in front of it.

    Its disparity is bounded by the front's. Where the front came nearer than the small grid had it (its edge
    moved outwards), occupancy is taken from just beside; where nothing is hidden any more it is 0.

    Args:
        front: (H, W) float32 disparity of the layer in front.
        small_front: (h, w) the same in the small grid.
        small_occupancy: (h, w) of the hidden layer.
        wide_occupancy: (h, w) the same, dilated.
        small_color: (h, w, 3) float32 RGB in [0, 1] of the hidden layer.
        ramp: gap over which occupancy rises from 0 to 1.
        top, bottom: rows.
        disparity: (H, W) float32, upsampled; bounded in place.
        occupancy: (H, W) uint8, filled.
        color: (H, W, 3) uint8, filled near what is occupied; black elsewhere, which costs no bytes on disk.
    """
    height, width = small_front.shape
    full_height, full_width = front.shape
    for row in range(top, bottom):
        y = _place(row, height, full_height)
        for column in range(full_width):
            x = _place(column, width, full_width)
            hidden = min(disparity[row, column], front[row, column])
            disparity[row, column] = hidden
            wide = _bilinear(wide_occupancy, y, x)
            share = 0.0
            if wide > 0.0:
                nearer = _ramp(front[row, column] - _bilinear(small_front, y, x), 0.0, ramp)
                share = _bilinear(small_occupancy, y, x)
                share += nearer * max(wide - share, 0.0)
                share = min(share, _ramp(front[row, column] - hidden, 0.0, ramp))
            occupancy[row, column] = np.uint8(255.0 * share + 0.5)
            for c in range(3):
                shade = _bilinear(small_color[..., c], y, x) if wide > 0.0 else 0.0
                color[row, column, c] = np.uint8(255.0 * min(max(shade, 0.0), 1.0) + 0.5)
