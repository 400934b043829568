"""The layers of a 3D photo at the sizes of its videos and pages."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from ...reference.fullres import FullLayer, as_ldi, full_resolution
from ...reference.ldi import LDI
from .source import Source


def full_layers(photo: np.ndarray, source: Source) -> Iterator[FullLayer]:
    """Yield the layers of a photo (H, W, 3) uint8 at its size: as they are where they have it already."""
    ldi = source.ldi
    if ldi.size != photo.shape[:2]:
        yield from full_resolution(photo, ldi, source.layering, source.detail)
        return
    for index in range(ldi.layers):
        color = np.rint(ldi.color[index].transpose(1, 2, 0) * 255).astype(np.uint8) if index else photo
        occupancy = np.rint(ldi.occupancy[index, 0] * 255).astype(np.uint8)
        yield FullLayer(color, ldi.disparity[index, 0], occupancy)


def layers_at(photo: np.ndarray, source: Source, long_side: int) -> LDI:
    """Return the LDI of a photo with a long side of at most `long_side`, both sides even.

    Made anew for that size, since averaging full-resolution layers would blur their edges.

    Args:
        photo: (H, W, 3) uint8.
        source: its layers.
        long_side: in pixels.
    """
    height, width = photo.shape[:2]
    share = min(1.0, long_side / max(height, width))
    size = (max(int(width * share) // 2 * 2, 2), max(int(height * share) // 2 * 2, 2))
    if source.ldi.size == (height, width) and share == 1.0:
        return even(source.ldi)
    picture = Image.fromarray(photo)
    small = np.asarray(picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))
    detail = None
    if source.detail is not None:
        detail = np.asarray(Image.fromarray(source.detail).resize(size, Image.Resampling.NEAREST))
    return as_ldi(full_resolution(small, source.ldi, source.layering, detail))


def even(ldi: LDI) -> LDI:
    """Return an LDI without its last row or column where their number is odd, as video needs it."""
    height, width = (max(side // 2 * 2, 2) for side in ldi.size)
    if (height, width) == ldi.size:
        return ldi
    planes = (ldi.color, ldi.disparity, ldi.occupancy)
    return LDI(*(np.ascontiguousarray(plane[..., :height, :width]) for plane in planes))
