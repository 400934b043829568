"""Still pictures of a 3D photo: the depth map and a preview sheet."""

from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.ldi import LDI
from ...reference.render import Camera
from .video import REACH, border_zoom, picture

# Long side of one picture on the sheet, and the gap between them.
TILE, GAP = 640, 8
GREY = 128


def write_depth(path: Path, disparity: np.ndarray) -> None:
    """Write disparity (H, W) in [0, 1] as a 16-bit grey PNG: 65535 is 1, nearest."""
    codes = np.rint(np.clip(disparity, 0.0, 1.0) * np.float32(65535)).astype(np.uint16)
    Image.fromarray(codes).save(path, compress_level=4)


def unstretched(disparity: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return disparity in the photo's shape, with the long side that it has, or the photo's if less."""
    share = min(1.0, max(disparity.shape) / max(height, width))
    size = (max(round(width * share), 1), max(round(height * share), 1))
    if disparity.shape == size[::-1]:
        return disparity
    resized = Image.fromarray(np.ascontiguousarray(disparity)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized)


def preview(ldi: LDI, parallax: float) -> Image.Image:
    """Lay out six pictures: photo, disparity, first hidden layer; the views from left, right and above.

    The hidden layer stands on grey where it is not occupied.
    """
    photo = ldi.color[0].transpose(1, 2, 0)
    near = np.repeat(ldi.disparity[0, 0][..., None], 3, axis=2)
    behind = min(1, ldi.layers - 1)
    alpha = ldi.occupancy[behind, 0][..., None]
    hidden = ldi.color[behind].transpose(1, 2, 0) * alpha + (1 - alpha) * GREY / 255
    flat = [np.rint(np.clip(p, 0, 1) * 255).astype(np.uint8) for p in (photo, near, hidden)]
    zoom = border_zoom(ldi, REACH, parallax)
    places = ((-REACH, 0.0), (REACH, 0.0), (0.0, -REACH))
    views = [picture(ldi, Camera(x=x, y=y, zoom=zoom, parallax=parallax)) for x, y in places]
    return _sheet([Image.fromarray(p) for p in flat + views], columns=3)


def _sheet(tiles: list[Image.Image], columns: int) -> Image.Image:
    for tile in tiles:
        tile.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    width, height = tiles[0].size
    rows = -(-len(tiles) // columns)
    size = (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, (255, 255, 255))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % columns * (width + GAP), index // columns * (height + GAP)))
    return sheet
