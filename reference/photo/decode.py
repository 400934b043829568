"""Reading a photo as people have it: any common format, colour space, bit depth and orientation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from .modes import to_srgb
from .opening import open_image

# Smaller than one cell of the networks' deepest feature map: nothing to read a depth from.
MIN_SIDE = 32
# Phone panoramas reach about 4:1; beyond 8:1 a program of 4:3 would see stripes.
MAX_ASPECT = 8.0


@dataclass(frozen=True)
class Photo:
    """A photo's pixels and how the file held them. No metadata of the file (place, time, camera) is kept.

    Attributes:
        pixels: (H, W, 3) uint8, sRGB, upright.
        path: the file it was read from.
        format: `JPEG`, `PNG`, `WEBP`, `HEIF`, `AVIF`, `TIFF`, … as found in the content, not in the name.
        mode: the pixel mode of the decoder, in Pillow's names (`RGB`, `CMYK`, `I;16`, …).
        had_alpha: some pixel was transparent; those were laid over white.
        profile: the embedded colour profile that the colours were converted from, or None.
        notes: remarks worth showing, one line each.
    """

    pixels: np.ndarray
    path: Path
    format: str
    mode: str
    had_alpha: bool = False
    profile: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels, upright."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])


def read_photo(path: Path | str) -> Photo:
    """Read a photo: JPEG, PNG, WebP, HEIC/HEIF, AVIF, TIFF, BMP or GIF, whatever its name ends in.

    The EXIF orientation is applied, the embedded colour profile converted to sRGB, 16-bit and float grey
    scaled to 8 bits, transparency laid over white. Of several pictures in a file the first (HEIC: the
    primary) is taken. Accepted are 32 pixels a side to 100 megapixels, no longer than 8:1.

    Raises:
        InputError: the file is missing, unreadable, empty, no photo, truncated, damaged or of such a size.
    """
    path = Path(path)
    image = open_image(path, "photo", MIN_SIDE, MAX_ASPECT)
    kind, mode = image.format or "", image.mode
    try:
        converted = to_srgb(image)
    except InputError as error:
        raise InputError(f"cannot use {path}: {error}") from error
    del image  # its memory is needed for the array below
    pixels = np.array(converted.image)
    return Photo(
        pixels=pixels,
        path=path,
        format="JPEG" if kind == "MPO" else kind,
        mode=mode,
        had_alpha=converted.had_alpha,
        profile=converted.profile,
        notes=converted.notes,
    )
