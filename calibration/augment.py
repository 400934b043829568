"""One more view of a labelled photo: a part of it, mirrored, slanted, in other light, a little worse."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .shards import Picture

Array = NDArray[np.float32]

SMALLEST_CROP = 0.55
"""Share of each side that a crop keeps at least."""

FLAT = 0.1
"""A crop whose disparity spans less than this share of its photo's is not stretched to the full range."""


def view(rng: np.random.Generator, picture: Picture, height: int, width: int) -> tuple[Array, Array]:
    """Return a random view: photo (3, height, width) and disparity (1, height, width), both in [0, 1].

    The disparity is stretched so that nearly all of it fills [0, 1], as a network's own output does.
    """
    photo, disparity = picture
    box, quad = _part(rng, photo.shape[0], photo.shape[1], height / width)
    image, plane = Image.fromarray(photo), Image.fromarray(disparity)
    if quad is None:
        left, top, right, bottom = box
        image = image.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, right, bottom))
        plane = plane.resize((width, height), Image.Resampling.BOX, box=(left, top, right, bottom))
    else:
        # Twice as fine and then halved, so that the slanted grid does not alias.
        large = (2 * width, 2 * height)
        turned = image.transform(
            large, Image.Transform.PERSPECTIVE, _scaled(quad, *large), Image.Resampling.BILINEAR
        )
        image = turned.resize((width, height), Image.Resampling.BOX)
        plane = plane.transform(
            (width, height),
            Image.Transform.PERSPECTIVE,
            _scaled(quad, width, height),
            Image.Resampling.NEAREST,
        )
    image = _worse(rng, image)
    color = _other_light(rng, np.asarray(image, np.float32) / np.float32(255))
    depth = _stretched(np.asarray(plane, np.float32))
    if rng.random() < 0.5:
        color, depth = color[:, ::-1], depth[:, ::-1]
    return np.ascontiguousarray(np.moveaxis(color, -1, 0), np.float32), np.ascontiguousarray(depth[None])


def plain_view(picture: Picture, height: int, width: int) -> tuple[Array, Array]:
    """Return the whole picture unchanged at one size (turned for portraits), as `view` gives it."""
    photo, disparity = picture
    if (photo.shape[0] > photo.shape[1]) != (height > width):
        height, width = width, height
    image = Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS)
    plane = Image.fromarray(disparity).resize((width, height), Image.Resampling.BOX)
    color = np.moveaxis(np.asarray(image, np.float32) / 255, -1, 0)
    return np.ascontiguousarray(color), _stretched(np.asarray(plane, np.float32))[None]


def _part(
    rng: np.random.Generator, height: int, width: int, aspect: float
) -> tuple[tuple[float, float, float, float], list[float] | None]:
    """Draw a crop of about the aspect wanted, and for some the coefficients of a slanted look at it."""
    stretch = float(np.exp(rng.normal(0, 0.12)))
    across = min(width, height / aspect * stretch)
    down = min(height, width * aspect / stretch)
    share = 1.0 if rng.random() < 0.35 else float(rng.uniform(SMALLEST_CROP, 1.0))
    across, down = across * share, down * share
    left, top = float(rng.uniform(0, width - across)), float(rng.uniform(0, height - down))
    box = (left, top, left + across, top + down)
    if rng.random() < 0.7:
        return box, None
    # Corners drawn inwards, never outside the photo.
    pull = rng.uniform(0, 0.08, (4, 2)) * (across, down)
    corners = np.array(
        [[left, top], [left + across, top], [left + across, top + down], [left, top + down]]
    ) + pull * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
    return box, _perspective(corners)


def _perspective(corners: NDArray[np.float64]) -> list[float]:
    """Coefficients of the projective map that takes the corners of [0, 1]² to four others, as in Pillow."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(((0, 0), (1, 0), (1, 1), (0, 1)), corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows, float), np.array(wanted))]


def _scaled(quad: list[float], width: int, height: int) -> list[float]:
    """The same map from an output of width × height pixels."""
    a, b, c, d, e, f, g, h = quad
    return [a / width, b / height, c, d / width, e / height, f, g / width, h / height]


def _stretched(disparity: Array) -> Array:
    """Let all but the extreme 2 % fill [0, 1]; a flat crop keeps to its middle."""
    low, high = (float(value) for value in np.quantile(disparity[::2, ::2], (0.01, 0.99)))
    spread = max(high - low, FLAT)
    return np.clip((disparity - np.float32((low + high) / 2)) / np.float32(spread) + np.float32(0.5), 0, 1)


def _worse(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Blur, sharpen or save as JPEG, each for some."""
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2))))
    elif rng.random() < 0.25:
        image = image.filter(ImageFilter.UnsharpMask(1.0, int(rng.integers(30, 120)), 0))
    if rng.random() < 0.2:
        stream = BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(40, 95)))
        image = Image.open(stream).convert("RGB")
    return image


def _other_light(rng: np.random.Generator, color: Array) -> Array:
    """Change exposure, white, contrast, saturation and gamma, and add noise; (H, W, 3) in [0, 1]."""
    grey = color.mean(-1, keepdims=True)
    saturation = 0.0 if rng.random() < 0.07 else float(rng.uniform(0.5, 1.4))
    color = grey + (color - grey) * np.float32(saturation)
    white = np.exp(rng.normal(0, 0.07, 3) + rng.normal(0, 0.15))
    color = (color * white.astype(np.float32) - np.float32(0.45)) * np.float32(rng.uniform(0.75, 1.25))
    color = np.clip(color + np.float32(0.45), 0, 1) ** np.float32(np.exp(rng.normal(0, 0.15)))
    if rng.random() < 0.4:
        color = color + rng.standard_normal(color.shape, dtype=np.float32) * np.float32(
            rng.exponential(0.015)
        )
    return np.clip(color, 0, 1)
