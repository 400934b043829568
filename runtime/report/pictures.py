"""Pictures small enough to live inside a report."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

# WebP quality: artefacts stay below the differences that are worth looking at; those are heat maps anyway.
QUALITY = 78
CHECKER_PX = 8


@dataclass(frozen=True)
class Picture:
    """One picture and what it shows.

    Attributes:
        caption: below it.
        data: WebP.
        width, height: in pixels.
    """

    caption: str
    data: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/webp;base64," + base64.b64encode(self.data).decode("ascii")


def picture(pixels: np.ndarray, caption: str) -> Picture:
    """Encode (H, W, 3) uint8 RGB, or float RGB in [0, 1]; values that are not finite are black."""
    if pixels.dtype != np.uint8:
        clean = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
        pixels = np.rint(np.clip(clean, 0.0, 1.0) * 255.0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", quality=QUALITY, method=4)
    return Picture(caption, buffer.getvalue(), pixels.shape[1], pixels.shape[0])


def over_checker(color: np.ndarray, occupancy: np.ndarray) -> np.ndarray:
    """Lay a layer over a grey checkerboard, by its occupancy.

    Args:
        color: (3, H, W) in [0, 1].
        occupancy: (H, W) in [0, 1].

    Returns:
        (H, W, 3) float.
    """
    rows, columns = np.indices(occupancy.shape) // CHECKER_PX
    board = np.where((rows + columns) % 2, 0.92, 0.8)[..., None]
    alpha = np.clip(np.nan_to_num(occupancy), 0.0, 1.0)[..., None]
    return color.transpose(1, 2, 0) * alpha + board * (1.0 - alpha)
