"""What is found in a photo, and how numbers of the containers become disparity."""

import math
from dataclasses import dataclass

import numpy as np


class UnusableError(Exception):
    """A photo states a depth that cannot be used; the text completes "its depth was left unused: …"."""


@dataclass(frozen=True)
class EmbeddedDepth:
    """The depth map of a photo, upright like the photo, at the map's own (mostly lower) resolution.

    Attributes:
        disparity: (H, W) float32 in [0, 1], larger is nearer, linear in 1/distance. 1 is `near`, 0 is `far`
            of the container's stated range, which the map need not fill.
        source: what carried it: `apple-heic`, `apple-jpeg`, `gdepth` or `dynamic-depth`.
        near, far: that range as distances in `units`; None where it is not stated, or infinite. Phones with
            two lenses state them without having measured them ("relative accuracy").
        units: `m`, `mm`, or None where the file does not say.
        matte: (h, w) float32 in [0, 1], 1 for people (Apple's portrait effects matte), upright; or None.
    """

    disparity: np.ndarray
    source: str
    near: float | None = None
    far: float | None = None
    units: str | None = None
    matte: np.ndarray | None = None


@dataclass(frozen=True)
class Search:
    """What a photo was found to carry.

    Attributes:
        depth: None if there is none that can be used.
        notes: remarks worth showing, one line each: why a stated depth was left unused.
    """

    depth: EmbeddedDepth | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """The photo that a map belongs to.

    Attributes:
        height, width: upright, in pixels.
        orientation: of EXIF, that maps stored like the photo still need; 1 is upright.
    """

    height: int
    width: int
    orientation: int = 1


def of_inverse_range(grey: np.ndarray, near: float | None, far: float | None) -> EmbeddedDepth:
    """Google's `RangeInverse`: grey = far·(Z − near) / (Z·(far − near)), in [0, 1], the nearest is black.

    1 − grey is (1/Z − 1/far) / (1/near − 1/far), whatever near and far are.
    """
    if near is None or far is None or not 0 < near < far:
        near = far = None
    return EmbeddedDepth(1 - grey, "", near, far)


def of_linear_range(grey: np.ndarray, near: float | None, far: float | None) -> EmbeddedDepth:
    """Depth linear in grey, Z = near + grey·(far − near), the nearest is black.

    Raises:
        UnusableError: near and far, without which nothing is known, are missing or not 0 < near < far.
    """
    if near is None or far is None or not 0 < near < far:
        raise UnusableError(f"linear depth needs 0 < near < far, got near {near} and far {far}")
    distance = near + grey.astype(np.float64) * (far - near)
    disparity = (near / distance) * ((far - distance) / (far - near))
    return EmbeddedDepth(np.clip(disparity, 0, 1).astype(np.float32), "", near, far)


def of_disparity_range(grey: np.ndarray, low: float | None, high: float | None) -> EmbeddedDepth:
    """Disparity linear in grey, from `low` (black) to `high` (white), in 1/m where these are known."""
    known = low is not None and high is not None and 0 <= low < high
    near = 1 / high if known and high else None
    far = 1 / low if known and low else None
    return EmbeddedDepth(grey, "", near, far, "m" if known else None)


def number(text: str | None) -> float | None:
    """Return a finite number, or None for whatever else a file may state."""
    try:
        value = float(text) if text is not None and len(text) < 100 else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
