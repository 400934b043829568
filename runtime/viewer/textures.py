"""The layers of an LDI as pictures that a page can hold, and that a browser's decoder leaves exactly as they are.

Two pictures a layer, both without alpha, since browsers may multiply colour by it: colour as lossy WebP, and
geometry as lossless WebP whose red and green are the high and low byte of the disparity's 16-bit code and whose
blue is the occupancy.
"""

import base64
import io

import numpy as np
from PIL import Image

from ...reference.fullres.neighbours import largest_around
from ...reference.ldi import LDI
from ..photo3d.fill import fill_holes

CODES = 65535
# WebP quality: 8-bit colours within about 2 of the layer's own, which a moving picture hides.
QUALITY = 88
# Geometry is kept this far around what a layer fills: the renderer looks one pixel beyond.
MARGIN = 2
# Stands there for the disparity of a hidden layer where it is empty; 1 itself is in front of every hidden layer.
EMPTY = CODES
# Side of a tile of `bounds_texture`, in pixels.
TILE = 8
# Shifts of the nearest or farthest surface, as shares of the largest parallax, that there is a table for.
REACHES = (0.1, 0.25, 0.5, 1.0)
# What a pixel covers beyond its place: a hat with a held link, and half a pixel of rounding.
WIDEST = 3.5


def color_texture(ldi: LDI, layer: int) -> str:
    """Return a layer's colour as a data URI; where a hidden layer is empty, smooth colour from around it."""
    color = ldi.color[layer].transpose(1, 2, 0)
    if layer > 0:
        occupancy = ldi.occupancy[layer, 0]
        color = fill_holes(color * occupancy[..., None], occupancy)
    return _webp(np.rint(np.clip(color, 0.0, 1.0) * 255), quality=QUALITY, method=4)


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

    A ray through a pixel of a tile meets nothing outside of them, so the viewer need not look there. Red is the
    largest, green the smallest disparity of every layer within reach, rounded outwards to 8 bits. The tables of
    `REACHES` lie below each other.

    Args:
        ldi: its layers.
        parallax: largest, as a fraction of the long side.
    """
    filled = ldi.occupancy[:, 0] > 0
    near = _tiles(np.where(filled, ldi.disparity[:, 0], 0.0).max(axis=0), np.max, 0.0)
    far = _tiles(np.where(filled, ldi.disparity[:, 0], 1.0).min(axis=0), np.min, 1.0)
    tables = []
    for reach in REACHES:
        tiles = int(np.ceil((reach * parallax * max(ldi.size) + WIDEST) / TILE))
        largest = largest_around(near.astype(np.float32), tiles)
        smallest = 1.0 - largest_around((1.0 - far).astype(np.float32), tiles)
        red, green = np.ceil(largest * 255), np.floor(smallest * 255)
        tables.append(np.dstack([red, green, np.zeros_like(red)]))
    return _webp(np.concatenate(tables), lossless=True, exact=True, quality=50, method=4)


def _tiles(plane: np.ndarray, pick: np.ufunc, outside: float) -> np.ndarray:
    """Reduce a plane (H, W) over tiles of `TILE` pixels; beyond its edge it is `outside`."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % TILE), (0, -width % TILE)), constant_values=outside)
    blocks = padded.reshape(padded.shape[0] // TILE, TILE, padded.shape[1] // TILE, TILE)
    return pick(blocks, axis=(1, 3))


def _webp(planes: np.ndarray, **options: object) -> str:
    """Encode (H, W, 3) numbers in [0, 255] as a WebP data URI."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes.astype(np.uint8))).save(buffer, "WEBP", **options)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
