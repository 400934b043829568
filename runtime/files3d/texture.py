"""A layer's colour as a picture for a viewer's texture unit, and how much occupancy counts as there."""

import numpy as np
from PIL import Image

from ...reference.ldi import LDI

# What every phone's graphics unit takes.
MAX_SIDE = 4096
# Hidden layers are painted at the program's size: more than this would only be larger files.
HIDDEN_SIDE = 2048


def cutoff(layer: int) -> float:
    """Return the occupancy from which a pixel of this layer is there: viewers cut, they do not blend.

    Blending would need triangles sorted from back to front for each view, which viewers do badly. The
    visible layer is cut in the middle of its fade. A hidden layer is cut early: it lies behind the visible
    one wherever it is occupied, so that more of it shows nothing wrong, and less of it would leave cracks.
    """
    return 0.5 if layer == 0 else 0.1


def rgb8(ldi: LDI, layer: int) -> np.ndarray:
    """Return the layer's colour as (H, W, 3) uint8."""
    return np.rint(np.clip(ldi.color[layer], 0, 1).transpose(1, 2, 0) * np.float32(255)).astype(np.uint8)


def alpha8(ldi: LDI, layer: int) -> np.ndarray:
    """Return the layer's occupancy as (H, W) uint8."""
    return np.rint(np.clip(ldi.occupancy[layer, 0], 0, 1) * np.float32(255)).astype(np.uint8)


def layer_picture(ldi: LDI, layer: int, max_side: int = MAX_SIDE) -> Image.Image:
    """Return the layer as an RGBA picture, at most `max_side` a side; RGB if it is occupied throughout.

    Hidden layers are at most `HIDDEN_SIDE` a side.
    Colour under alpha 0 is kept: texture units mix neighbouring pixels, and black ones would show as a rim.
    """
    alpha = alpha8(ldi, layer)
    planes = [Image.fromarray(rgb8(ldi, layer))]
    if alpha.min() < 255:
        planes.append(Image.fromarray(alpha))
    share = min(max_side, MAX_SIDE if layer == 0 else HIDDEN_SIDE) / max(ldi.size)
    if share < 1:
        size = (max(round(ldi.size[1] * share), 1), max(round(ldi.size[0] * share), 1))
        # Apart: Pillow multiplies colour by alpha when it resizes RGBA, and colour under alpha 0 is lost.
        planes = [plane.resize(size, Image.Resampling.LANCZOS) for plane in planes]
    picture = planes[0]
    if len(planes) == 2:
        picture.putalpha(planes[1])
    return picture
