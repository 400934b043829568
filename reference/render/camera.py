"""Where the viewer stands: a lateral shift, in units of the largest parallax of the layers."""

import math
from dataclasses import dataclass

from ..config import LayeringConfig
from ..errors import InputError


@dataclass(frozen=True)
class Camera:
    """A camera moved sideways by (x, y), without turning.

    A point of disparity d seen at pixel (u, v) of the photo moves to

        u' = cu + zoom·(u − cu − x·P·(d − focus)),   v' = cv + zoom·(v − cv − y·P·(d − focus)),

    with (cu, cv) the middle of the frame and P = parallax · max(H, W) the largest parallax in pixels. With
    `focus` 0 and `x` 1 this is the right camera of a rectified pair whose disparity is P·d pixels.

    Attributes:
        x: shift to the right; 1 is the full reach of the layers.
        y: shift downwards, in the same unit.
        zoom: scale about the middle of the frame (1 keeps the size); above 1 it hides the frame's borders.
        focus: the disparity that stays where it is.
        parallax: largest parallax as a fraction of the long side.

    Raises:
        InputError: a value is not finite, or zoom or parallax is not above 0.
    """

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0
    focus: float = 0.5
    parallax: float = LayeringConfig.max_parallax

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (self.x, self.y, self.zoom, self.focus, self.parallax)):
            raise InputError(f"camera values must be finite numbers, got {self}")
        if self.zoom <= 0 or self.parallax <= 0:
            raise InputError(f"camera zoom and parallax must be above 0, got {self.zoom} and {self.parallax}")

    def shift_px(self, height: int, width: int) -> tuple[float, float]:
        """Return (x·P, y·P): how many pixels a unit of disparity moves to the left and upwards."""
        largest = self.parallax * max(height, width)
        return self.x * largest, self.y * largest


def parity_cameras(parallax: float = LayeringConfig.max_parallax) -> tuple[Camera, ...]:
    """Return the fixed camera path that parity is judged on (metric spec 1).

    Six positions: left, right, up and down at full reach (each uncovers other sides of the same objects),
    the diagonal down-right at full reach, and the diagonal up-left at half reach.
    """
    diagonal = math.sqrt(0.5)
    places = ((-1, 0), (1, 0), (0, -1), (0, 1), (diagonal, diagonal), (-diagonal / 2, -diagonal / 2))
    return tuple(Camera(x=x, y=y, parallax=parallax) for x, y in places)


def circle_path(
    frames: int, reach: float = 1.0, zoom: float = 1.0, parallax: float = LayeringConfig.max_parallax
) -> list[Camera]:
    """Return cameras on a circle of radius `reach`, one round, so that the video loops.

    Args:
        frames: number of cameras, at least 1; the first stands at the right.
        reach: radius in units of the largest parallax.
        zoom: see `Camera`.
        parallax: see `Camera`.

    Raises:
        InputError: `frames` is below 1.
    """
    if frames < 1:
        raise InputError(f"a camera path needs at least 1 frame, got {frames}")
    angles = [2 * math.pi * i / frames for i in range(frames)]
    return [
        Camera(x=reach * math.cos(a), y=reach * math.sin(a), zoom=zoom, parallax=parallax) for a in angles
    ]
