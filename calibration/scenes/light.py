"""One light for a scene: how bright a face is that looks a given way, and what the air does with distance."""

from dataclasses import dataclass

import numpy as np

from .textures import Array


@dataclass(frozen=True)
class Light:
    """Sun or lamp, ambient light, and air.

    Attributes:
        direction: unit vector towards the light in world axes (y down), 3 values.
        ambient: brightness of a face turned away, in [0,1]; a face towards the light has 1.
        air: RGB that far things fade to, 3 values.
        fog: how much of that fading happens per metre.
        shadow: darkness of shadows on the ground, in [0,1].
    """

    direction: Array
    ambient: float
    air: Array
    fog: float
    shadow: float

    def shade(self, nx: Array | float, ny: Array | float, nz: Array | float) -> Array:
        """Brightness in [ambient, 1] of faces with unit normals (…)."""
        x, y, z = (float(value) for value in self.direction)
        lit = np.asarray(nx * x + ny * y + nz * z, np.float32)
        # Half-Lambert: real scenes have light from the sky on the dark side too.
        return np.float32(self.ambient) + np.float32(1 - self.ambient) * np.square(0.5 + 0.5 * lit)

    def through_air(self, color: Array, disparity: Array) -> Array:
        """Colours …×3 as seen from the camera through the air, at disparity … (1/metre)."""
        if self.fog <= 0:
            return color
        clear = np.exp(-np.float32(self.fog) / np.maximum(disparity, 1e-3))[..., None]
        return np.asarray(color * clear + self.air * (1 - clear), np.float32)


def random_light(rng: np.random.Generator, air: Array, fog: float) -> Light:
    """A light from above, somewhere to the side, ahead or behind."""
    around, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 1.3)
    direction = np.array([np.cos(around) * np.cos(up), -np.sin(up), np.sin(around) * np.cos(up)], np.float32)
    return Light(direction, float(rng.uniform(0.15, 0.7)), air, fog, float(rng.uniform(0.1, 0.75)))
