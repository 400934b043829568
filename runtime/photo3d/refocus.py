"""A still with a shallow depth of field: sharp where the user says, blurred before and behind.

The scene is cut into slabs of equal blur, and each is blurred by the disk of a lens (the thin-lens circle of
confusion, which is linear in disparity). They are laid nearest first, and a pixel takes from each what is not
covered yet. A blurred edge in front thus shows what the *hidden* layers hold behind it, never the
foreground's own colour again; and neighbouring slabs of one surface, which share its pixels, add up to it.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ...reference.errors import InputError
from ...reference.ldi import LDI
from .fill import fill_holes

# Diameter of the blur of a unit of disparity, in percent of the width: a portrait lens.
APERTURE = 3.0
WIDEST_APERTURE = 10.0
# Slabs differ by this radius in pixels, but there are at most so many.
SLAB_STEP, MOST_SLABS = 1.0, 48
# The focus is the median of a square of this side around the point, as a share of the width.
SPOT = 0.02
GAMMA = 2.2


@dataclass(frozen=True)
class Refocus:
    """Where to focus and how far to open the lens.

    Attributes:
        x: of the point, as a share of the width from the left.
        y: of the point, as a share of the height from the top.
        aperture: diameter of the blur of what is a unit of disparity away, in percent of the width.

    Raises:
        InputError: a number is out of range.
    """

    x: float
    y: float
    aperture: float = APERTURE

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise InputError(
                f"the point to focus must be shares of width and height, 0 to 1, got {self.x:g},{self.y:g}"
            )
        if not 0 < self.aperture <= WIDEST_APERTURE:
            raise InputError(
                f"the aperture must be above 0 and at most {WIDEST_APERTURE:g} percent of the width, "
                f"got {self.aperture:g}"
            )


def parse_refocus(text: str) -> Refocus:
    """Read `X,Y` or `X,Y,APERTURE`; see `Refocus`.

    Raises:
        InputError: it is no such text, or a number is out of range.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        raise InputError(f"expected X,Y or X,Y,APERTURE, for instance 0.5,0.4,3; got {text!r}")
    return Refocus(*numbers)


def focus_at(ldi: LDI, x: float, y: float) -> float:
    """Return the disparity of what is seen around a point, given as shares of width and height."""
    height, width = ldi.size
    half = max(round(width * SPOT / 2), 1)
    row, column = round(y * (height - 1)), round(x * (width - 1))
    spot = ldi.disparity[0, 0, max(row - half, 0) : row + half + 1, max(column - half, 0) : column + half + 1]
    return float(np.median(spot))


def refocused(photo: np.ndarray, ldi: LDI, choice: Refocus) -> np.ndarray:
    """Blur a photo as a lens would: (H, W, 3) uint8 of the photo's size.

    The blur is worked out at the size of the layers; what is in focus keeps every detail of the photo.

    Args:
        photo: (H, W, 3) uint8.
        ldi: its layers, at any size of its shape.
        choice: see `Refocus`.
    """
    height, width = ldi.size
    blurred, sharp = _blurred(ldi, choice, focus_at(ldi, choice.x, choice.y))
    small = np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BOX))
    size = photo.shape[1::-1]
    result = np.empty_like(photo)
    weight = _enlarged(sharp, size)
    for channel in range(3):
        plain = _enlarged(blurred[..., channel], size)
        # What the photo has beyond the small size, where it is in focus.
        detail = photo[..., channel] - _enlarged(small[..., channel].astype(np.float32), size)
        result[..., channel] = np.rint(np.clip(255 * plain + weight * detail, 0, 255))
    return result


def _enlarged(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    resized = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32)).resize(
        size, Image.Resampling.BILINEAR
    )
    return np.asarray(resized)


def _blurred(ldi: LDI, choice: Refocus, focus: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the blurred picture (H, W, 3) in [0, 1], and how much of each pixel is in focus (H, W)."""
    from .lens import blurred_slab  # loading the compiler takes a second

    # Signed radius of each point's blur, in pixels: negative behind the focus.
    scale = choice.aperture / 100 * ldi.size[1] / 2
    radii = (ldi.disparity[:, 0] - np.float32(focus)) * np.float32(scale)
    step = max(SLAB_STEP, float(radii.max() - radii.min()) / MOST_SLABS)
    # The scene goes on beyond the frame, or the blur would let through there what it hides.
    beyond = math.ceil(float(np.abs(radii).max())) + 1
    frame = ((0, 0), (beyond, beyond), (beyond, beyond))
    # One slab lies at radius 0, so that what is in focus is not blurred at all.
    slabs = np.pad(np.rint(radii / step).astype(np.int32), frame, mode="edge")
    color = np.pad(ldi.color**GAMMA, ((0, 0), *frame), mode="edge")
    occupancy = np.pad(ldi.occupancy[:, 0], frame, mode="edge")
    height, width = slabs.shape[1:]
    view = np.zeros((height, width, 4), np.float32)
    in_focus = np.zeros((height, width), np.float32)
    order = range(int(slabs.max()), int(slabs.min()) - 1, -1)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(order), workers):
            some = order[first : first + workers]
            jobs = [
                pool.submit(blurred_slab, color, occupancy, slabs, index, abs(index * step)) for index in some
            ]
            for index, job in zip(some, jobs, strict=True):
                laid = job.result()
                alpha = laid[..., 3]
                taken = np.minimum(alpha, 1.0 - view[..., 3])
                view += laid * (taken / np.maximum(alpha, 1e-6))[..., None]
                if index == 0:
                    in_focus += taken
    inside = (slice(beyond, -beyond), slice(beyond, -beyond))
    coverage = np.clip(view[..., 3], 0.0, 1.0)
    filled = fill_holes(view[..., :3], coverage)[inside]
    return np.clip(filled, 0.0, 1.0) ** np.float32(1 / GAMMA), in_focus[inside]
