"""Maps and mattes as they lie in a photo's file: whole JPEG or PNG streams."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import InputError
from ..modes import grey_values
from ..opening import MAX_PIXELS, TURNS, strict_decoder
from .depth import Frame, UnusableError

MIN_SIDE = 8
# As for a user's own map: what rounding and cropping to even sizes make.
_ASPECT_TOLERANCE = 0.02


def read_grey(data: bytes, frame: Frame, what: str) -> np.ndarray:
    """Decode a JPEG or PNG stored like the photo's pixels, and turn it upright with the photo.

    Returns:
        (h, w) float32 in [0, 1], full scale of its 8 or 16 bits is 1.

    Raises:
        UnusableError: damaged, too small or large, or of another shape than the photo.
    """
    try:
        with strict_decoder(Path(what), "picture"):
            image: Image.Image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        check_size(image.size, what)
        with strict_decoder(Path(what), "picture"):
            image.load()
    except InputError as error:
        raise UnusableError(f"its {what} is damaged, or no JPEG or PNG") from error
    return from_picture(image, frame, what)


def from_picture(image: Image.Image, frame: Frame, what: str) -> np.ndarray:
    """Scale a decoded picture's grey to [0, 1], upright; see `read_grey`.

    Raises:
        UnusableError: of another shape than the photo.
    """
    deep = image.mode.startswith("I;16")
    if not deep and image.mode != "L":
        image = image.convert("L")
    turn = TURNS.get(frame.orientation)
    if turn is not None:
        image = image.transpose(turn)
    stretch = (image.width / image.height) / (frame.width / frame.height)
    if abs(stretch - 1) > _ASPECT_TOLERANCE:
        raise UnusableError(
            f"its {what} is {image.width}×{image.height} pixels, of another shape than the photo "
            f"({frame.width}×{frame.height})"
        )
    return grey_values(image).astype(np.float32) / np.float32(65535 if deep else 255)


def check_size(size: tuple[int, int], what: str) -> None:
    """Refuse a (width, height), before anything is decoded.

    Raises:
        UnusableError: outside the limits.
    """
    if min(size) < MIN_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise UnusableError(
            f"its {what} is {size[0]}×{size[1]} pixels: it must have at least {MIN_SIDE} a side and at most "
            f"{MAX_PIXELS // 10**6} megapixels"
        )
