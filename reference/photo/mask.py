"""Reading a mask that the user painted over the photo: white is what stays on one layer."""

from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InputError
from .depth_map import ASPECT_TOLERANCE
from .modes import grey_values
from .opening import open_image

MIN_SIDE = 8


def read_mask(path: Path | str, photo_height: int, photo_width: int) -> np.ndarray:
    """Read a mask that belongs to a photo, and fit it to the photo.

    Any picture: lighter than half grey is marked, darker or transparent is not. It may be of another size
    than the photo, of the same aspect within 2 %; a pixel of the photo is marked if any part of it is.

    Args:
        path: the file.
        photo_height: height of the photo, upright, in pixels.
        photo_width: width of the photo, upright, in pixels.

    Returns:
        (photo_height, photo_width) bool.

    Raises:
        InputError: the file cannot be read, has another aspect than the photo, or marks nothing or all.
    """
    path = Path(path)
    image = open_image(path, "mask", MIN_SIDE)
    stretch = (image.width / image.height) / (photo_width / photo_height)
    if abs(stretch - 1) > ASPECT_TOLERANCE:
        raise InputError(
            f"the mask {path} is {image.width}×{image.height} pixels, of another shape than the photo "
            f"({photo_width}×{photo_height}): paint it over the photo"
        )
    marked = _marked(image)
    if not marked.any():
        raise InputError(f"the mask {path} is empty: paint white what shall stay on one layer")
    if marked.all():
        raise InputError(f"the mask {path} is white everywhere: leave black what keeps its own depth")
    return fit_mask(marked, photo_height, photo_width)


def fit_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a mask (h, w) bool; made smaller, a pixel is marked if any part of it is: thin lines stay."""
    if mask.shape == (height, width):
        return mask
    smaller = height * width < mask.size
    resampling = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), resampling)
    return np.asarray(grey) > 0


def _marked(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):
        return grey_values(image) >= 1 << 15
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGB", image.size)
        background.paste(image, mask=image.getchannel("A"))
        image = background
    return np.asarray(image.convert("L")) >= 128
