"""VR180: what each eye sees, on half a sphere, for headsets.

Two ways to keep a pair: Google's VR photo format (developers.google.com/vr, "Cardboard Camera VR Photo
Format"), one JPEG whose picture is the left eye's and whose XMP holds the right eye's (GImage) and where both
lie on the sphere (GPano); and both eyes side by side, for which no metadata of still pictures exists: players
go by the `_180_sbs` in the name.
"""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.config import LayeringConfig
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .photo_jpeg import QUALITY, encoded
from .pinhole import Pinhole
from .stereo import eyes
from .xmp import description, segments

# Metres between the eyes: the mean of adults.
EYES = 0.064
MAX_SIDE = 4096
_PANO = "http://ns.google.com/photos/1.0/panorama/"
_IMAGE = "http://ns.google.com/photos/1.0/image/"


def write_vr180(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    overwrite: bool = False,
) -> None:
    """Write a VR photo (.vr.jpg) of Google's format.

    Args:
        path: of the .vr.jpg.
        ldi: the layers.
        pinhole: says what angle the photo fills and how far things are; None for the defaults.
        parallax: of the layers.
        overwrite: replace what is there.

    Raises:
        InputError: the LDI is not finite, or the file cannot be written.
    """
    with atomic_file(path, overwrite) as temporary:
        left, right = half_spheres(ldi, pinhole or Pinhole(), parallax)
        side = len(left)
        pano = {
            "GPano:ProjectionType": "equirectangular",
            "GPano:UsePanoramaViewer": "True",
            "GPano:CroppedAreaImageWidthPixels": side,
            "GPano:CroppedAreaImageHeightPixels": side,
            "GPano:FullPanoWidthPixels": 2 * side,
            "GPano:FullPanoHeightPixels": side,
            "GPano:CroppedAreaLeftPixels": side // 2,
            "GPano:CroppedAreaTopPixels": 0,
            "GPano:InitialViewHeadingDegrees": 180,
            "GImage:Mime": "image/jpeg",
        }
        small = description({"GPano": _PANO, "GImage": _IMAGE}, {k: str(v) for k, v in pano.items()})
        buffer = io.BytesIO()
        Image.fromarray(right).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
        data = base64.b64encode(buffer.getvalue()).decode()
        large = description({"GImage": _IMAGE}, {"GImage:Data": data})
        jpeg = encoded(Image.fromarray(left)).with_segments(segments(small, large))
        temporary.write_bytes(jpeg.to_bytes())


def write_vr180_side_by_side(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    parallax: float = LayeringConfig.max_parallax,
    overwrite: bool = False,
) -> None:
    """Write both half spheres side by side, left eye at the left; arguments of `write_vr180`.

    Raises:
        InputError: see `write_vr180`.
    """
    with atomic_file(path, overwrite) as temporary:
        pair = np.hstack(half_spheres(ldi, pinhole or Pinhole(), parallax))
        temporary.write_bytes(encoded(Image.fromarray(pair)).to_bytes())


def half_spheres(ldi: LDI, pinhole: Pinhole, parallax: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what each eye sees over 180° by 180°, equirectangular, black around the photo.

    The eyes look parallel, `EYES` apart at the scale of `pinhole`, but never further than the layers reach.

    Returns:
        Left and right, each (S, S, 3) uint8; in the middle as sharp as the photo, S at most `MAX_SIDE`, even.
    """
    height, width = ldi.size
    focal = pinhole.focal_px(height, width)
    side = int(min(np.pi * focal, MAX_SIDE)) // 2 * 2
    # Never further than 2, from full reach at the left to full reach at the right.
    separation = min(EYES / pinhole.baseline(parallax), 2.0)
    views = eyes(ldi, separation, pinhole.infinity, 1.0, parallax)
    angle = (np.arange(side, dtype=np.float64) + 0.5) / side * np.pi - np.pi / 2
    across = width / 2 + focal * np.tan(angle)
    left, right = (_project(view, angle, across, focal) for view in views)
    return left, right


def _project(view: np.ndarray, angle: np.ndarray, across: np.ndarray, focal: float) -> np.ndarray:
    """Look a flat picture up from the half sphere, bilinearly.

    Args:
        view: (H, W, 3) uint8.
        angle: (S,) longitudes, which are the latitudes too, in radians.
        across: (S,) x in the picture at each longitude, in pixels from its left border.
        focal: of the picture, in pixels.
    """
    height, width, _ = view.shape
    sphere = np.zeros((len(angle), len(angle), 3), np.uint8)
    columns = np.nonzero((across >= 0) & (across <= width))[0]
    x = np.clip(across[columns] - 0.5, 0, width - 1)
    left = np.minimum(x.astype(int), max(width - 2, 0))
    share_x = (x - left)[:, None]
    right = np.minimum(left + 1, width - 1)
    for row, latitude in enumerate(angle):
        down = height / 2 + focal * np.tan(latitude) / np.cos(angle[columns])
        inside = (down >= 0) & (down <= height)
        if not inside.any():
            continue
        y = np.clip(down[inside] - 0.5, 0, height - 1)
        above = np.minimum(y.astype(int), max(height - 2, 0))
        below = np.minimum(above + 1, height - 1)
        share_y = (y - above)[:, None]
        a, b, s = left[inside], right[inside], share_x[inside]
        upper = view[above, a] * (1 - s) + view[above, b] * s
        lower = view[below, a] * (1 - s) + view[below, b] * s
        sphere[row, columns[inside]] = np.rint(upper * (1 - share_y) + lower * share_y)
    return sphere
