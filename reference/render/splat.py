"""The inner loop of the renderer, compiled: every pixel of every layer is laid down once, nearest first.

*Order.* Two source pixels that a lateral camera brings to the same place lie on one epipolar line, and of the
two the one further along the camera's direction is the nearer: x₁ − t·d₁ = x₂ − t·d₂ gives t·(d₁ − d₂) =
x₁ − x₂. This holds between layers too. So a fixed order of the source pixels (McMillan, "A List-Priority
Rendering Algorithm for Redisplaying Projected Surfaces", 1995) is front to back, no depth is ever compared,
and no tiny change of disparity can flip which surface is seen.

*Coverage.* A pixel is a hat function: 1 at its own place, 0 at the places of its neighbours, so that a joined
surface covers each target exactly once, however it is stretched. Where the step to a neighbour exceeds
`TEAR` the link tears and the hat is one pixel wide, which is the overlap of two pixel boxes. A target takes
coverage until it is full.
"""

import numpy as np
from numba import njit

# Links hold up to this step between neighbours, in pixels, and have let go at TEAR_END.
TEAR = 1.0
TEAR_END = 1.5
# A hat squeezed narrower than this would make the view depend too steeply on disparity.
NARROWEST = 0.25
# Most targets that one pixel reaches along an axis, for the buffers: grows with the zoom.
REACH = 2 * (1 + TEAR_END) + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _hat(distance: float, width: float, link: float, zoom: float) -> float:
    """Height of one side of a hat at `distance` ≥ 0: joined share `link` of `width`, torn share of `zoom`."""
    joined = max(0.0, 1.0 - distance / width)
    torn = max(0.0, 1.0 - distance / zoom)
    return link * joined + (1.0 - link) * torn


@njit(cache=True, nogil=True, error_model="numpy")
def _axis_hat(
    place: float, before: float, after: float, zoom: float, size: int, heights: np.ndarray
) -> tuple[int, int]:
    """Fill `heights` with the hat at the integers it covers; `before`/`after` are steps to the neighbours.

    A step is what the link is longer than one pixel, in source pixels; a missing neighbour has a huge one.
    Returns first integer and count.
    """
    link_before = min(1.0, max(0.0, (TEAR_END - abs(before)) / (TEAR_END - TEAR)))
    link_after = min(1.0, max(0.0, (TEAR_END - abs(after)) / (TEAR_END - TEAR)))
    width_before = zoom * max(1.0 + before, NARROWEST) if link_before > 0.0 else zoom
    width_after = zoom * max(1.0 + after, NARROWEST) if link_after > 0.0 else zoom
    first = max(0, int(np.floor(place - max(width_before, zoom))) + 1)
    last = min(size - 1, int(np.ceil(place + max(width_after, zoom))) - 1)
    for target in range(first, last + 1):
        if target >= place:
            heights[target - first] = _hat(target - place, width_after, link_after, zoom)
        else:
            heights[target - first] = _hat(place - target, width_before, link_before, zoom)
    return first, last - first + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _lay_line(
    color: np.ndarray,
    disparity: np.ndarray,
    occupancy: np.ndarray,
    hidden: bool,
    line: int,
    by_columns: bool,
    shift_x: float,
    shift_y: float,
    zoom: float,
    focus: float,
    view: np.ndarray,
    heights_x: np.ndarray,
    heights_y: np.ndarray,
) -> None:
    """Lay one column (or row) of one layer into `view`, (H, W, 5): colour × coverage, coverage, hidden."""
    height, width = disparity.shape
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    torn = 2 * TEAR_END
    for across in range(height if by_columns else width):
        x, y = (line, across) if by_columns else (across, line)
        alpha = occupancy[y, x]
        if alpha <= 0.0:
            continue
        here = disparity[y, x]
        place_x = middle_x + zoom * (x - middle_x - shift_x * (here - focus))
        place_y = middle_y + zoom * (y - middle_y - shift_y * (here - focus))
        left = shift_x * (disparity[y, x - 1] - here) if x > 0 else torn
        right = shift_x * (here - disparity[y, x + 1]) if x < width - 1 else torn
        above = shift_y * (disparity[y - 1, x] - here) if y > 0 else torn
        below = shift_y * (here - disparity[y + 1, x]) if y < height - 1 else torn
        first_x, count_x = _axis_hat(place_x, left, right, zoom, width, heights_x)
        first_y, count_y = _axis_hat(place_y, above, below, zoom, height, heights_y)
        for j in range(count_y):
            if heights_y[j] <= 0.0:
                continue
            for i in range(count_x):
                cell = view[first_y + j, first_x + i]
                weight = min(alpha * heights_x[i] * heights_y[j], 1.0 - cell[3])
                if weight <= 0.0:
                    continue
                cell[0] += weight * color[0, y, x]
                cell[1] += weight * color[1, y, x]
                cell[2] += weight * color[2, y, x]
                cell[3] += weight
                if hidden:
                    cell[4] += weight


@njit(cache=True, nogil=True, error_model="numpy")
def splat(
    color: np.ndarray,
    disparity: np.ndarray,
    occupancy: np.ndarray,
    shift_x: float,
    shift_y: float,
    zoom: float,
    focus: float,
) -> np.ndarray:
    """Lay all layers, nearest first.

    Hidden layers come one line late: where they lie level with the layer in front, within a pixel of
    parallax, the front layer is what is seen.

    Args:
        color: (L, 3, H, W) float32.
        disparity: (L, 1, H, W) float32, finite.
        occupancy: (L, 1, H, W) float32, finite.
        shift_x: pixels that a unit of disparity moves to the left.
        shift_y: pixels that a unit of disparity moves upwards.
        zoom: scale about the middle, above 0.
        focus: disparity that does not move.

    Returns:
        (H, W, 5) float32: RGB × coverage, coverage in [0, 1], the part of it from hidden layers.
    """
    layers, _, height, width = disparity.shape
    view = np.zeros((height, width, 5), np.float32)
    heights_x = np.zeros(int(np.ceil(REACH * zoom)) + 2)
    heights_y = np.zeros(int(np.ceil(REACH * zoom)) + 2)
    by_columns = abs(shift_x) >= abs(shift_y)
    lines = width if by_columns else height
    far_end_first = (shift_x if by_columns else shift_y) > 0
    for step in range(lines + 1):
        for layer in range(layers):
            at = step if layer == 0 else step - 1
            if at < 0 or at >= lines:
                continue
            _lay_line(
                color[layer],
                disparity[layer, 0],
                occupancy[layer, 0],
                layer > 0,
                lines - 1 - at if far_end_first else at,
                by_columns,
                shift_x,
                shift_y,
                zoom,
                focus,
                view,
                heights_x,
                heights_y,
            )
    return view
