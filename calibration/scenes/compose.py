"""Depth peeling: surfaces in any order become layers sorted front to back at every pixel, nothing lost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .textures import Array

MIN_STEP = 1e-4
"""Surfaces that differ by less disparity than this at a pixel count as one there (the nearer one stays)."""


@dataclass(frozen=True)
class Surface:
    """One surface as seen from the camera, in a window of the frame.

    Attributes:
        top, left: where the window's first pixel lies in the frame.
        color: h×w×3 RGB in [0,1].
        disparity: h×w, larger is nearer.
        mask: h×w, where the surface is.
    """

    top: int
    left: int
    color: Array
    disparity: Array
    mask: NDArray[np.bool_]


def full_surface(color: Array, disparity: Array) -> Surface:
    """A surface that covers the whole frame; color H×W×3 or 3 values, disparity H×W."""
    shape = (*disparity.shape, 3)
    return Surface(
        0,
        0,
        np.broadcast_to(np.asarray(color, np.float32), shape),
        np.asarray(disparity, np.float32),
        np.ones(disparity.shape, bool),
    )


@dataclass(frozen=True)
class Layers:
    """Peeled surfaces: at each pixel layer 0 is the nearest, layer 1 the next behind it, and so on.

    Where a layer is not occupied it repeats the one in front, so disparity never rises from layer to layer.

    Attributes:
        color: K×H×W×3 RGB in [0,1].
        disparity: K×H×W.
        occupancy: K×H×W, true where the layer has a surface; layer 0 is occupied everywhere.
    """

    color: Array
    disparity: Array
    occupancy: NDArray[np.bool_]


def compose(surfaces: Sequence[Surface], count: int = 3) -> Layers:
    """Peel surfaces into `count` layers.

    The first surface is the background: it covers the frame, and what lies behind it is dropped. The last
    occupied layer of a pixel is therefore the background, unless more than `count` surfaces overlap there;
    then the nearest `count` are kept.

    Raises:
        ValueError: there is no surface, or the first does not cover the frame.
    """
    if not surfaces or not surfaces[0].mask.all():
        raise ValueError("compose: the first surface must be a background that covers the whole frame")
    background = surfaces[0]
    height, width = background.disparity.shape
    color = np.zeros((count, height, width, 3), np.float32)
    disparity = np.full((count, height, width), -np.inf, np.float32)
    color[0], disparity[0] = background.color, background.disparity
    for surface in surfaces[1:]:
        _insert(color, disparity, background.disparity, surface)
    occupancy = disparity > -np.inf
    for k in range(1, count):
        empty = ~occupancy[k]
        disparity[k][empty] = disparity[k - 1][empty]
        color[k][empty] = color[k - 1][empty]
    return Layers(color, disparity, occupancy)


def _insert(color: Array, disparity: Array, background: Array, surface: Surface) -> None:
    """Put a surface into its place among the sorted layers, pixel by pixel (an insertion sort)."""
    h, w = surface.mask.shape
    rows, columns = slice(surface.top, surface.top + h), slice(surface.left, surface.left + w)
    index = np.flatnonzero(surface.mask & (surface.disparity > background[rows, columns] + MIN_STEP))
    if index.size == 0:
        return
    frame_width = disparity.shape[2]
    at = (index // w + surface.top) * frame_width + index % w + surface.left
    depth = surface.disparity.reshape(-1)[index]
    paint = surface.color.reshape(-1, 3)[index]
    for k in range(disparity.shape[0]):
        layer_depth, layer_paint = disparity[k].reshape(-1), color[k].reshape(-1, 3)
        held = layer_depth[at]
        # What coincides with a surface already here is that surface.
        distinct = np.abs(held - depth) > MIN_STEP
        if not distinct.all():
            at, depth, paint, held = at[distinct], depth[distinct], paint[distinct], held[distinct]
        nearer = depth > held
        moved = at[nearer]
        old_depth, old_paint = held[nearer], layer_paint[moved]
        layer_depth[moved], layer_paint[moved] = depth[nearer], paint[nearer]
        depth[nearer], paint[nearer] = old_depth, old_paint
        alive = depth > -np.inf
        if not alive.all():
            at, depth, paint = at[alive], depth[alive], paint[alive]
        if at.size == 0:
            return
