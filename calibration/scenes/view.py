"""The camera of a scene: rays of all pixels, and where points of the world fall in the frame.

World units are metres; x right, y down, z ahead, the camera at the origin. The ray of a pixel has depth 1
along the optical axis, so the ray's parameter at a hit is the depth there, and its inverse the disparity.
"""

from dataclasses import dataclass

import numpy as np

from .textures import Array

NEAR = 0.05
"""Nothing nearer than this (metres) is seen."""


@dataclass(frozen=True)
class View:
    """A pinhole camera.

    Attributes:
        height, width: of the frame, pixels.
        focal: focal length over the frame's long side.
        pitch: looking down, radians.
        roll: radians.
    """

    height: int
    width: int
    focal: float = 1.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.focal * max(self.height, self.width)

    def _axes(self) -> Array:
        """Rows: the camera's right, down and ahead axes in the world (3×3)."""
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        cp, sp = np.cos(self.pitch), np.sin(self.pitch)
        roll = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        return (roll @ pitch).astype(np.float32)

    def rays(self, window: tuple[int, int, int, int] | None = None) -> Array:
        """World directions of the pixels of a window (top, left, bottom, right): 3×h×w, depth 1 each."""
        top, left, bottom, right = window or (0, 0, self.height, self.width)
        x = (np.arange(left, right, dtype=np.float32) + 0.5 - self.width / 2) / np.float32(self.focal_px)
        y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - self.height / 2) / np.float32(self.focal_px)
        axes = self._axes()
        return np.asarray(
            axes[0][:, None, None] * x[None, None, :]
            + axes[1][:, None, None] * y[None, :, None]
            + axes[2][:, None, None],
            np.float32,
        )

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Column, row (pixels, not clipped) and depth of world points N×3; behind the camera depth ≤ 0."""
        local = np.asarray(points, np.float32) @ self._axes().T
        depth = local[:, 2]
        safe = np.maximum(depth, NEAR)
        return (
            local[:, 0] / safe * self.focal_px + self.width / 2,
            local[:, 1] / safe * self.focal_px + self.height / 2,
            depth,
        )

    def window(self, points: Array) -> tuple[int, int, int, int] | None:
        """Smallest window (top, left, bottom, right) that holds world points N×3; None if unseen."""
        column, row, depth = self.project(points)
        if (depth <= NEAR).all():
            return None
        if (depth <= NEAR).any():
            return 0, 0, self.height, self.width
        return self.clip(float(row.min()), float(column.min()), float(row.max()), float(column.max()))

    def clip(self, top: float, left: float, bottom: float, right: float) -> tuple[int, int, int, int] | None:
        """The window of the frame that covers a rectangle in pixels; None where they do not meet."""
        t, b = max(int(np.floor(top)), 0), min(int(np.ceil(bottom)) + 1, self.height)
        lft, r = max(int(np.floor(left)), 0), min(int(np.ceil(right)) + 1, self.width)
        return (t, lft, b, r) if b > t and r > lft else None
