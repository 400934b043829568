"""Reading the user's own depth (`--depth-map`) as disparity: larger is nearer."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InputError
from .modes import grey_values
from .opening import MAX_PIXELS, open_image

MIN_SIDE = 8
# How far the map's width:height may differ from the photo's: what rounding and cropping to even sizes make.
ASPECT_TOLERANCE = 0.02
_NPY_MAGIC = b"\x93NUMPY"
_STRIP = 256
# Grey kept as a colour JPEG comes back with channels up to a dozen steps apart; a colour map's are 100 apart.
_GREY_SPREAD = 16


# What the numbers of a map are: larger is nearer; larger is farther, linear in disparity; distances.
KINDS = ("disparity", "inverted", "depth")


def read_depth_map(
    path: Path | str, photo_height: int, photo_width: int, kind: str = "disparity"
) -> np.ndarray:
    """Read a depth map that belongs to a photo, and fit it to the photo.

    Args:
        path: see `load_depth_map`, as for the other three.
        photo_height: of the photo.
        photo_width: of the photo.
        kind: of its numbers.

    Returns:
        (photo_height, photo_width) float32 disparity in [0, 1], larger = nearer; see `fit_disparity`.

    Raises:
        InputError: see `load_depth_map`.
    """
    return fit_disparity(load_depth_map(path, photo_height, photo_width, kind), photo_height, photo_width)


def load_depth_map(
    path: Path | str, photo_height: int, photo_width: int, kind: str = "disparity"
) -> np.ndarray:
    """Read a depth map that belongs to a photo, at its own size.

    The file is a grey picture of 8 or 16 bits (or float TIFF; PNG, TIFF, JPEG, WebP, …), or a `.npy` of any
    real numbers, (H, W) up to axes of length 1. The smallest disparity becomes 0 and the largest 1, linearly;
    a map that is the same everywhere becomes 0.5 everywhere. It may be of another size than the photo, of
    the same aspect within 2 %.

    Args:
        path: the file.
        photo_height: height of the photo, upright, in pixels.
        photo_width: width of the photo, upright, in pixels.
        kind: `disparity`: larger (brighter) is nearer, in any unit linear in disparity (1 / distance);
            `inverted`: the same turned round, larger is farther (Google's Lens Blur, many depth editors);
            `depth`: distances in any unit, from 0: disparity is 1 / value.

    Returns:
        (h, w) float32 disparity in [0, 1], larger = nearer.

    Raises:
        InputError: the file is missing or cannot be read, has colours, values that are not finite (NaN or
            infinite; the message counts them), nothing but 0, distances that are not positive, or another
            aspect than the photo; or there is no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of depth map {kind!r}; known: {', '.join(KINDS)}")
    path = Path(path)
    values = _read_array(path) if _is_npy(path) else _read_picture(path)
    height, width = values.shape
    stretch = (width / height) / (photo_width / photo_height)
    if abs(stretch - 1) > ASPECT_TOLERANCE:
        raise InputError(
            f"the depth map {path} is {width}×{height} pixels, of another shape than the photo "
            f"({photo_width}×{photo_height}): crop it to the photo"
        )
    _check_finite(values, path)
    if kind == "depth":
        return _normalise(_inverse(values, path))
    disparity = _normalise(values)
    return np.float32(1) - disparity if kind == "inverted" else disparity


def fit_disparity(disparity: np.ndarray, height: int, width: int) -> np.ndarray:
    """Average down (box) or interpolate up (bilinear) a disparity (h, w) float32 in [0, 1]."""
    if disparity.shape == (height, width):
        return disparity
    shrinks = height * width < disparity.size
    resampling = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    resized = Image.fromarray(disparity).resize((width, height), resampling)
    return np.clip(np.array(resized), 0.0, 1.0)  # the filter's weights sum to 1 only to float precision


def _is_npy(path: Path) -> bool:
    """Say whether the file is, or by its name means to be, a NumPy array."""
    if not path.is_file():
        return False  # `open_image` says what is wrong with it; a pipe must not be opened twice
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(_NPY_MAGIC))
    except OSError:
        return False
    return magic == _NPY_MAGIC or (path.suffix.lower() == ".npy" and bool(magic))


def _read_array(path: Path) -> np.ndarray:
    """Map a `.npy` of real numbers into memory, (H, W); pickled objects are never loaded."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, OverflowError, MemoryError, SyntaxError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"the depth map {path} is no .npy of plain numbers, or damaged ({reason})"
        ) from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"the depth map {path} must hold real numbers, got {array.dtype}")
    longer = [side for side in array.shape if side != 1]
    if len(longer) != 2:
        raise InputError(f"the depth map {path} must be (height, width), got {array.shape}")
    height, width = longer
    if min(longer) < MIN_SIDE or height * width > MAX_PIXELS:
        raise InputError(
            f"the depth map {path} is {width}×{height} pixels: it must have at least {MIN_SIDE} a side "
            f"and at most {MAX_PIXELS // 10**6} megapixels"
        )
    return array.reshape(height, width)


def _read_picture(path: Path) -> np.ndarray:
    """Read a grey picture at its full bit depth, (H, W)."""
    image = open_image(path, "depth map", MIN_SIDE)
    if image.mode in ("L", "I", "F") or image.mode.startswith("I;16"):
        return grey_values(image)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if "A" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema() != (255, 255):
            raise InputError(f"the depth map {path} is transparent in places: a depth is needed everywhere")
        image = rgba
    image = image.convert("RGB")
    channels = [np.asarray(channel) for channel in image.split()]
    spread = np.maximum.reduce(channels) - np.minimum.reduce(channels)
    if spread.max() > _GREY_SPREAD:
        raise InputError(f"the depth map {path} is coloured: give grey values, not a colour map")
    return np.asarray(image.convert("L"))


def _check_finite(values: np.ndarray, path: Path) -> None:
    strips = range(0, len(values), _STRIP)  # a map of 100 megapixels in float64 would take 800 MB
    bad = sum(int(np.count_nonzero(~np.isfinite(values[top : top + _STRIP]))) for top in strips)
    if bad:
        raise InputError(
            f"the depth map {path} has {bad} values of {values.size} that are not finite (NaN or infinite): "
            "fill them"
        )
    if not values.any():
        raise InputError(f"the depth map {path} is 0 everywhere: it holds no depth")


def _inverse(distances: np.ndarray, path: Path) -> np.ndarray:
    """Return the smallest distance over each, in (0, 1]."""
    bad = int(np.count_nonzero(distances <= 0))
    if bad:
        raise InputError(
            f"the depth map {path} has {bad} values of {distances.size} that are no distances (0 or below): "
            "fill them, or call its kind inverted if 0 is the nearest, disparity if it is the farthest"
        )
    nearest = float(distances.min())
    out = np.empty(distances.shape, np.float32)
    for top in range(0, len(distances), _STRIP):
        out[top : top + _STRIP] = nearest / distances[top : top + _STRIP].astype(np.float64)
    return out


def _normalise(values: np.ndarray) -> np.ndarray:
    """Scale linearly so that the smallest value is 0 and the largest 1; all 0.5 where they are the same."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.full(values.shape, 0.5, np.float32)
    out = np.empty(values.shape, np.float32)
    # Halved where the difference of two large float64 overflows; not else, since the smallest has no half.
    unit = 1.0 if math.isfinite(high - low) else 0.5
    span = high * unit - low * unit
    for top in range(0, len(values), _STRIP):
        scaled = values[top : top + _STRIP].astype(np.float64) * unit
        out[top : top + _STRIP] = (scaled - low * unit) / span
    return out
