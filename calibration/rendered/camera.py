"""Where the camera is and what it sees: a pinhole in a world in metres with y up."""

from dataclasses import dataclass

import numpy as np

from .mesh import Array

NEAR, FAR = 0.05, 6000.0
"""Metres; nothing outside is drawn."""


def translation(x: float, y: float, z: float) -> Array:
    """4×4 matrix that moves by (x, y, z)."""
    made = np.eye(4, dtype=np.float32)
    made[:3, 3] = (x, y, z)
    return made


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Array:
    """4×4 rotation: roll about z, then pitch about x (up), then yaw about y (to the left), radians."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rx = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    rz = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    made = np.eye(4, dtype=np.float32)
    made[:3, :3] = ry @ rx @ rz
    return made


def placed(x: float, y: float, z: float, yaw: float = 0.0, scale: float = 1.0) -> Array:
    """4×4 matrix that scales, turns about the upright and moves a model."""
    made = translation(x, y, z) @ turned(yaw)
    made[:3, :3] *= np.float32(scale)
    return made


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; at no angles it looks along −z.

    Attributes:
        position: in the world, metres.
        yaw, pitch, roll: radians, as `turned` takes them.
        fov: horizontal angle of view over the frame's long side, radians.
    """

    position: tuple[float, float, float]
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    fov: float = 1.0

    def view(self) -> Array:
        """4×4 matrix from the world to the camera."""
        return np.linalg.inv(translation(*self.position) @ turned(self.yaw, self.pitch, self.roll)).astype(
            np.float32
        )

    def focal(self, height: int, width: int) -> float:
        """Focal length in pixels of a frame."""
        return max(height, width) / 2 / float(np.tan(self.fov / 2))

    def projection(self, height: int, width: int) -> Array:
        """4×4 matrix from the camera to clip space."""
        f = self.focal(height, width)
        made = np.zeros((4, 4), np.float32)
        made[0, 0], made[1, 1] = 2 * f / width, 2 * f / height
        made[2, 2], made[2, 3] = -(FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)
        made[3, 2] = -1
        return made

    @property
    def ahead(self) -> Array:
        """Unit vector along the optical axis."""
        return -turned(self.yaw, self.pitch, self.roll)[:3, 2]


def looking_at(
    position: tuple[float, float, float], target: tuple[float, float, float], roll: float, fov: float
) -> Camera:
    """A camera at `position` whose optical axis passes through `target`."""
    x, y, z = (t - p for t, p in zip(target, position, strict=True))
    return Camera(position, float(np.arctan2(-x, -z)), float(np.arctan2(y, np.hypot(x, z))), roll, fov)
