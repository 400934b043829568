"""The photo that depth is added to: the user's own JPEG stream, or the visible layer as a new JPEG."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.errors import InputError
from ...reference.ldi import LDI
from ...reference.photo.decode import MAX_ASPECT, MIN_SIDE
from ...reference.photo.modes import to_srgb
from ...reference.photo.opening import open_image
from .jpeg import Jpeg, app1
from .texture import rgb8

QUALITY = 95
_MAX_BYTES = 1 << 29
# How far width:height of photo and layers may differ: what rounding to even sizes makes.
_ASPECT_TOLERANCE = 0.01
_ORIENTATION = 0x0112
_Turn = Image.Transpose
# What undoes the turn that an EXIF orientation asks for.
_BACK = {
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_90,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_270,
}


@dataclass(frozen=True)
class PhotoJpeg:
    """A photo to which depth is added.

    Attributes:
        jpeg: without metadata, unless it was asked for; with its orientation where it is turned.
        size: (height, width), upright.
        orientation: of EXIF; 1 is upright.
    """

    jpeg: Jpeg
    size: tuple[int, int]
    orientation: int = 1

    def as_stored(self, plane: Image.Image) -> Image.Image:
        """Turn an upright picture as the photo is turned in its file, so that pixels lie on each other."""
        turn = _BACK.get(self.orientation)
        return plane if turn is None else plane.transpose(turn)


def photo_jpeg(ldi: LDI, photo: Path | None = None, keep_metadata: bool = False) -> PhotoJpeg:
    """Take the photo of an LDI.

    Args:
        ldi: its layer 0 is the photo if there is no file.
        photo: the file that the LDI was made from. Of a JPEG, the compressed pixels are taken as they are;
            anything else is made a JPEG.
        keep_metadata: keep what a JPEG says of place, time and camera (but XMP).

    Raises:
        InputError: the photo cannot be read, or is of another shape than the LDI.
    """
    if photo is None:
        return PhotoJpeg(encoded(Image.fromarray(rgb8(ldi, 0))), ldi.size)
    photo = Path(photo)
    picture = open_image(photo, "photo", MIN_SIDE, MAX_ASPECT)
    height, width = ldi.size
    stretch = (picture.width / picture.height) / (width / height)
    if abs(stretch - 1) > _ASPECT_TOLERANCE:
        raise InputError(
            f"the photo {photo} is {picture.width}×{picture.height} pixels, of another shape than the LDI "
            f"({width}×{height}): give the photo that it was made from"
        )
    size = (picture.height, picture.width)
    if picture.format not in ("JPEG", "MPO"):
        return PhotoJpeg(encoded(to_srgb(picture).image), size)
    return _as_it_is(photo, size, keep_metadata)


def encoded(picture: Image.Image, quality: int = QUALITY) -> Jpeg:
    """Make a JPEG, without subsampling of its colours."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality, subsampling=0)
    return Jpeg.parse(buffer.getvalue())


def turned(orientation: int) -> bytes:
    """Return an EXIF block that only says how a picture is turned; empty if it is upright."""
    if orientation not in _BACK:
        return b""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return exif.tobytes()


def depth_picture(ldi: LDI, size: tuple[int, int], near_is_white: bool) -> Image.Image:
    """Return the visible layer's disparity as 8-bit grey of (height, width) `size`.

    Raises:
        InputError: the disparity is not finite.
    """
    disparity = ldi.disparity[0, 0]
    if not np.isfinite(disparity).all():
        raise InputError("cannot write the depth: the disparity holds values that are not finite")
    if disparity.shape != size:
        resized = Image.fromarray(np.ascontiguousarray(disparity)).resize(
            size[::-1], Image.Resampling.BILINEAR
        )
        disparity = np.asarray(resized)
    grey = np.rint(np.clip(disparity, 0, 1) * np.float32(255)).astype(np.uint8)
    return Image.fromarray(grey if near_is_white else 255 - grey)


def _as_it_is(photo: Path, size: tuple[int, int], keep_metadata: bool) -> PhotoJpeg:
    """Copy a JPEG's stream, with an EXIF that says how it is turned and, unless asked for, nothing else."""
    if photo.stat().st_size > _MAX_BYTES:
        raise InputError(f"the photo {photo} is {photo.stat().st_size} bytes long: save it as a smaller JPEG")
    data = photo.read_bytes()
    orientation = _orientation(data)
    try:
        jpeg = Jpeg.parse(data).stripped(keep_metadata)
    except InputError as error:
        raise InputError(f"cannot copy {photo}: {error}") from error
    if orientation in _BACK and not keep_metadata:
        jpeg = jpeg.with_segments([app1(turned(orientation))])
    return PhotoJpeg(jpeg, size, orientation)


def _orientation(data: bytes) -> int:
    """Return the EXIF orientation of a JPEG; 1 where it has none that can be read, as `open_image` does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as stored:
                return int(stored.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata of an intact picture
        return 1
