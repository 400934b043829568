"""Where the points of an LDI lie in space: a pinhole camera that agrees with the renderer's lateral one."""

import math
from dataclasses import dataclass

import numpy as np

from ...reference.config import LayeringConfig
from ...reference.errors import InputError

NARROWEST, WIDEST = 1.0, 150.0


@dataclass(frozen=True)
class Pinhole:
    """The camera that took the photo, as far as a file with true geometry must know it.

    Disparity d in [0, 1] stands for the inverse of the distance Z along the optical axis:

        1/Z = 1/far + d · (1/near − 1/far).

    A camera of this kind that moves sideways by `baseline(parallax)` metres shifts a point of disparity d by
    P·d pixels and the same constant for all points: exactly `reference.render.Camera` with x = 1. What the
    renderer shows and what a viewer shows of such a file is therefore the same picture. The defaults are a
    phone's main camera and a scene of a room's size, for which that way is 64 mm: the distance of the eyes.

    Axes are those of glTF and USD: x to the right, y up, the camera at the origin looking along −z.

    Attributes:
        field_of_view: across the long side of the photo, in degrees.
        near: distance of disparity 1, in metres.
        far: distance of disparity 0, in metres.

    Raises:
        InputError: the field of view is not within 1 to 150 degrees, or not 0 < near < far < infinity.
    """

    field_of_view: float = 60.0
    near: float = 1.0
    far: float = 10.0

    def __post_init__(self) -> None:
        if not NARROWEST <= self.field_of_view <= WIDEST:
            raise InputError(
                f"the field of view must be {NARROWEST:g} to {WIDEST:g} degrees, got {self.field_of_view}"
            )
        if not 0 < self.near < self.far < math.inf:
            raise InputError(f"distances must be 0 < near < far, got near {self.near} and far {self.far}")

    def focal_px(self, height: int, width: int) -> float:
        """Return the focal length in pixels of a photo of this size."""
        return max(height, width) / (2 * math.tan(math.radians(self.field_of_view) / 2))

    def vertical_view(self, height: int, width: int) -> float:
        """Return the angle from the upper to the lower border of the photo, in radians."""
        return 2 * math.atan(height / (2 * self.focal_px(height, width)))

    @property
    def inverse_span(self) -> float:
        """What one unit of disparity is in 1/metres."""
        return 1 / self.near - 1 / self.far

    @property
    def infinity(self) -> float:
        """The disparity (below 0) of what is infinitely far: `Camera.focus` of eyes that look parallel."""
        return -1 / self.far / self.inverse_span

    def baseline(self, parallax: float = LayeringConfig.max_parallax) -> float:
        """Return how many metres the camera moves when `Camera.x` grows by 1.

        Args:
            parallax: largest parallax as a fraction of the long side, as of `Camera`.
        """
        return parallax * 2 * math.tan(math.radians(self.field_of_view) / 2) / self.inverse_span

    def depth(self, disparity: np.ndarray) -> np.ndarray:
        """Return the distance along the optical axis in metres, float64, for disparity in [0, 1]."""
        return 1 / (1 / self.far + np.asarray(disparity, np.float64) * self.inverse_span)

    def points(
        self, x: np.ndarray, y: np.ndarray, disparity: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        """Return points in space.

        Args:
            x: (N,) from the left border of the photo, in pixels: the middle of pixel i is at i + 0.5.
            y: (N,) from its upper border.
            disparity: (N,) in [0, 1].
            size: (height, width) of the photo.

        Returns:
            (N, 3) float64 in metres.
        """
        height, width = size
        focal = self.focal_px(height, width)
        depth = self.depth(disparity)
        return np.stack([(x - width / 2) / focal * depth, (height / 2 - y) / focal * depth, -depth], axis=-1)
