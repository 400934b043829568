"""The layers of an LDI as pictures that a page can hold, and that a browser leaves exactly as they are.

Two pictures a layer, both without alpha, since browsers may multiply colour by it: colour as lossy WebP, and
geometry as lossless WebP: red and green are the high and low byte of the disparity's 16-bit code, blue is the
occupancy.
"""

import base64
import io

import numpy as np
from PIL import Image

from ...reference.fullres.neighbours import largest_around
from ...reference.ldi import LDI
from ..photo3d.fill import fill_holes

CODES = 65535
# WebP quality: colours within about 1.5 of 255 of the layer's own in the mean.
QUALITY = 92
# Geometry is kept this far around what a layer fills: the renderer looks one pixel beyond.
MARGIN = 2
# The code of a hidden layer's disparity where it is empty: no hidden layer lies at 1, the very front.
EMPTY = CODES
# Side of a tile of `bounds_texture`, in pixels.
TILE = 8
# Shifts of the nearest or farthest surface, as shares of the largest parallax, that there is a table for.
REACHES = (0.1, 0.25, 0.5, 1.0)
# What a pixel covers beyond its place: a hat with a held link, and half a pixel of rounding.
WIDEST = 3.5
# How fast, with disparity, what is nearer counts less in `backdrop_texture`.
FARNESS = 16.0


def color_texture(ldi: LDI, layer: int) -> str:
    """Return a layer's colour as a data URI; where a hidden layer is empty, smooth, which costs little."""
    color = ldi.color[layer].transpose(1, 2, 0)
    if layer > 0:
        occupancy = ldi.occupancy[layer, 0]
        color = fill_holes(color * occupancy[..., None], occupancy)
    return _webp(np.rint(np.clip(color, 0.0, 1.0) * 255), quality=QUALITY, method=4, use_sharp_yuv=True)


def geometry_texture(ldi: LDI, layer: int) -> str:
    """Return a layer's disparity (16 bits of [0, 1]) and occupancy (8 bits) as a data URI, exact."""
    occupancy = np.rint(ldi.occupancy[layer, 0] * 255)
    codes = np.rint(ldi.disparity[layer, 0].astype(np.float64) * CODES).astype(np.uint16)
    if layer > 0:
        codes[largest_around((occupancy > 0).astype(np.float32), MARGIN) == 0] = EMPTY
    planes = np.dstack([codes >> 8, codes & 255, occupancy])
    return _webp(planes, lossless=True, exact=True, quality=50, method=4)


def bounds_texture(ldi: LDI, parallax: float) -> str:
    """Return, for tiles of the picture, between which disparities anything can be seen there, as a data URI.

    A ray through a pixel of a tile meets nothing outside of them, so the viewer need not look there. Red is
    the largest, green the smallest disparity of all layers within reach, rounded outwards to 8 bits. Each of
    `REACHES` has a table, one below the other.

    Args:
        ldi: its layers.
        parallax: largest, as a fraction of the long side.
    """
    filled = ldi.occupancy[:, 0] > 0
    near = _tiles(np.where(filled, ldi.disparity[:, 0], 0.0).max(axis=0), True)
    far = _tiles(np.where(filled, ldi.disparity[:, 0], 1.0).min(axis=0), False)
    tables = []
    for reach in REACHES:
        tiles = int(np.ceil((reach * parallax * max(ldi.size) + WIDEST) / TILE))
        largest = largest_around(near.astype(np.float32), tiles)
        smallest = 1.0 - largest_around((1.0 - far).astype(np.float32), tiles)
        red, green = np.ceil(largest * 255), np.floor(smallest * 255)
        tables.append(np.dstack([red, green, np.zeros_like(red)]))
    return _webp(np.concatenate(tables), lossless=True, exact=True, quality=50, method=4)


def backdrop_texture(ldi: LDI) -> str:
    """Return what to paint where no layer covers a view, a pixel a tile, as a data URI.

    The farthest that is known at each place; what is much nearer than the farthest of all counts little, so
    that a surface far away goes on behind a near one.
    """
    color, disparity = ldi.color[0], ldi.disparity[0, 0]
    for layer in range(1, ldi.layers):
        there = ldi.occupancy[layer, 0] > 0.5
        color = np.where(there, ldi.color[layer], color)
        disparity = np.where(there, ldi.disparity[layer, 0], disparity)
    weight = np.exp(-FARNESS * (disparity - disparity.min()))
    height, width = ldi.size
    size = (-(-width // TILE), -(-height // TILE))
    planes = [color[0] * weight, color[1] * weight, color[2] * weight, weight]
    small = [
        np.asarray(Image.fromarray(p.astype(np.float32)).resize(size, Image.Resampling.BOX)) for p in planes
    ]
    filled = fill_holes(np.dstack(small[:3]), np.clip(small[3], 0.0, 1.0))
    return _webp(np.rint(np.clip(filled, 0.0, 1.0) * 255), quality=QUALITY, method=4)


def _tiles(plane: np.ndarray, largest: bool) -> np.ndarray:
    """Reduce a plane (H, W) to the largest or smallest value of each tile of `TILE` pixels."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % TILE), (0, -width % TILE)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // TILE, TILE, padded.shape[1] // TILE, TILE)
    return blocks.max(axis=(1, 3)) if largest else blocks.min(axis=(1, 3))


def _webp(planes: np.ndarray, **options: object) -> str:
    """Encode (H, W, 3) numbers in [0, 255] as a WebP data URI."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes.astype(np.uint8))).save(buffer, "WEBP", **options)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
