"""Backgrounds, seen where nothing stands in front: ground under a sky, rooms, slanted walls, hills."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .compose import Surface
from .light import Light
from .material import Material, palette_color, random_material
from .textures import SIZE, Array, noise
from .view import View


@dataclass
class Backdrop:
    """A background while a scene is being built; shadows are still painted on it.

    Attributes:
        color: H×W×3 RGB, before the air between.
        disparity: H×W, 1/metre.
        ground: H×W, where shadows can fall.
        height: metres from the camera down to the ground.
    """

    color: Array
    disparity: Array
    ground: NDArray[np.bool_]
    height: float

    def shadow(self, view: View, light: Light, x: float, z: float, radius: float, tall: float) -> None:
        """Darken the ground round (x, z) metres, and away from the light as far as a thing so tall casts."""
        sun = light.direction
        reach = min(tall * 0.7, 3 * radius) / max(float(-sun[1]), 0.3)
        tip = np.array([x - sun[0] * reach, z - sun[2] * reach])
        low, high = np.minimum([x, z], tip) - 1.5 * radius, np.maximum([x, z], tip) + 1.5 * radius
        rectangle = np.array([[a, self.height, b] for a in (low[0], high[0]) for b in (low[1], high[1])])
        window = view.window(rectangle.astype(np.float32))
        if window is None:
            return
        rows, columns = slice(window[0], window[2]), slice(window[1], window[3])
        ray, disparity = view.rays(window), np.maximum(self.disparity[rows, columns], 1e-4)
        px, pz = ray[0] / disparity - np.float32(x), ray[2] / disparity - np.float32(z)
        dx, dz = float(tip[0] - x), float(tip[1] - z)
        t = np.clip((px * dx + pz * dz) / max(dx * dx + dz * dz, 1e-6), 0, 1)
        far = ((px - t * dx) ** 2 + (pz - t * dz) ** 2) / np.float32((1.4 * radius) ** 2)
        dark = np.clip(1 - far, 0, 1) * (1 - 0.6 * t) * self.ground[rows, columns]
        self.color[rows, columns] *= (1 - np.float32(light.shadow) * np.clip(1.5 * dark, 0, 1))[..., None]

    def surface(self, light: Light) -> Surface:
        """The finished background."""
        color = light.through_air(self.color, self.disparity)
        return Surface(0, 0, color, self.disparity, np.ones(self.disparity.shape, bool))


def _sky(rng: np.random.Generator, ray: Array, horizon: Array) -> Array:
    up = np.clip(-ray[1] / np.sqrt((ray * ray).sum(0)), 0, 1)
    style = rng.random()
    if style < 0.5:
        zenith = np.array([0.25, 0.45, 0.8]) * rng.uniform(0.6, 1.2) + rng.normal(0, 0.04, 3)
    elif style < 0.8:
        zenith = np.full(3, rng.uniform(0.55, 0.95)) + rng.normal(0, 0.02, 3)
    else:
        zenith = palette_color(rng).astype(float)
    blend = (1 - (1 - up) ** rng.uniform(1.5, 6))[..., None]
    color = horizon * (1 - blend) + np.clip(zenith, 0, 1).astype(np.float32) * blend
    if rng.random() < 0.7:
        field = noise(int(rng.integers(24)), 1.6, 2.0)
        scale = rng.uniform(40, 200)
        x = (ray[0] * scale).astype(np.int32) & (SIZE - 1)
        y = (ray[1] * scale).astype(np.int32) & (SIZE - 1)
        cloud = np.clip((field[y, x] - rng.uniform(-0.8, 1.0)) * rng.uniform(0.3, 1.0), 0, 1)
        color = (
            color + (np.float32(rng.uniform(0.7, 1.0)) - color) * (cloud * rng.uniform(0.4, 0.95))[..., None]
        )
    return np.asarray(color, np.float32)


def _footprint(view: View, disparity: Array, height: float) -> Array:
    """Pixel size on a level plane: across it grows with depth, along it with depth squared; their mean."""
    depth = 1 / np.maximum(disparity, 1e-3)
    return depth / np.float32(view.focal_px) * np.sqrt(np.maximum(depth / np.float32(height), 1))


def outdoors(
    rng: np.random.Generator, view: View, light: Light, height: float, unit: float = 2.0
) -> Backdrop:
    """A level ground `height` metres below the camera, now and then with a path, and the sky."""
    ray = view.rays()
    disparity = np.maximum(ray[1] / np.float32(height), 0).astype(np.float32)
    ground = disparity > 1e-3
    color = _sky(rng, ray, light.air)
    depth = 1 / disparity[ground]
    x, z = ray[0][ground] * depth, ray[2][ground] * depth
    footprint = _footprint(view, disparity[ground], height)
    group = str(rng.choice(["ground", "nature", "nature", "floor"]))
    paint = random_material(rng, group, unit * rng.uniform(0.5, 2)).sample(x, z, footprint)
    if rng.random() < 0.45:
        wide, slope, middle = unit * rng.uniform(0.4, 2.5), rng.normal(0, 0.3), unit * rng.normal(0, 1.5)
        off = np.abs(x - middle - slope * z + 0.5 * wide * np.sin(z / (unit * 4) * rng.uniform(0, 1)))
        path = off < wide
        road = random_material(rng, "ground", unit).sample(x[path], z[path], footprint[path])
        paint[path] = road
        if rng.random() < 0.4:
            paint[(off < wide * 0.04) & ((z / unit) % 1.0 < 0.6)] = 0.9
    # A large-scale mottle: nothing outdoors is lit quite evenly.
    field = noise(int(rng.integers(24)), 1.6)
    cell = 24 / unit
    i = (np.clip(x, -1e4, 1e4) * cell).astype(np.int32) & (SIZE - 1)
    j = (np.clip(z, -1e4, 1e4) * cell).astype(np.int32) & (SIZE - 1)
    mottle = np.clip(1 + 0.12 * field[j, i] * np.clip(unit * 12 / (depth + 1), 0, 1), 0.4, 1.5)
    color[ground] = paint * mottle[:, None] * light.shade(0, -1, 0)
    return Backdrop(color, disparity, ground, height)


def room(rng: np.random.Generator, view: View, light: Light, height: float, size: float = 4.0) -> Backdrop:
    """A room from inside: floor, ceiling, back wall, two side walls (some too far off to be seen)."""
    ray = view.rays()
    yaw = rng.normal(0, 0.35)
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    deep, left, right = (
        rng.uniform(0.6, 1.8) * size,
        rng.uniform(0.3, 1.5) * size,
        rng.uniform(0.3, 1.5) * size,
    )
    planes = [
        ((0.0, 1.0, 0.0), height),
        ((0.0, -1.0, 0.0), rng.uniform(0.8, 2.0) * max(0.25 * size, 0.5)),
        ((s, 0.0, c), deep),
        ((-c, 0.0, s), left),
        ((c, 0.0, -s), right),
    ]
    all_d = np.stack([(n[0] * ray[0] + n[1] * ray[1] + n[2] * ray[2]) / np.float32(d) for n, d in planes])
    which = all_d.argmax(0)
    disparity = np.maximum(all_d.max(0), 1e-3).astype(np.float32)
    color = np.empty((*disparity.shape, 3), np.float32)
    wall = random_material(rng, "wall", size * rng.uniform(0.2, 0.8))
    white = palette_color(rng) * 0.15 + 0.75
    ceiling = Material("plain", 0, white.astype(np.float32) * 0.9, white.astype(np.float32), 1 / size)
    other = wall if rng.random() < 0.7 else random_material(rng, "wall", size * 0.5)
    materials = [random_material(rng, "floor", size * rng.uniform(0.2, 0.6)), ceiling, wall, other, other]
    skirting = rng.random() < 0.5
    for index, (normal, _) in enumerate(planes):
        here = which == index
        if not here.any():
            continue
        depth = 1 / disparity[here]
        x, y, z = (ray[axis][here] * depth for axis in range(3))
        u, v = (x, z) if index < 2 else ((c * x - s * z) if index == 2 else (s * x + c * z), y)
        footprint = _footprint(view, disparity[here], height) if index < 2 else depth * 1.3 / view.focal_px
        paint = materials[index].sample(u, v, footprint) * light.shade(-normal[0], -normal[1], -normal[2])
        if index >= 2:
            if skirting:
                paint[v > height - 0.03 * size] = white * 0.9
            # Corners are darker.
            paint *= (1 - 0.25 * np.exp(-np.abs(height - v) * (4 / size)))[..., None]
        color[here] = paint
    return Backdrop(color, disparity, which == 0, height)


def slanted_wall(rng: np.random.Generator, view: View, light: Light, slant: float) -> Backdrop:
    """One plane across the whole view: a wall, a table from above, a page, a picture."""
    ray = view.rays()
    normal = np.array([rng.normal(0, slant), rng.normal(0, slant), 1.0], np.float32)
    disparity = np.maximum(np.tensordot(normal, ray, 1), 0.02).astype(np.float32)
    depth = 1 / disparity
    material = random_material(
        rng, str(rng.choice(["wall", "floor", "ground", "nature"])), rng.uniform(0.2, 1.0)
    )
    color = material.sample(ray[0] * depth, ray[1] * depth, depth * 1.2 / view.focal_px)
    return Backdrop(color * light.shade(0, 0, -1), disparity, np.ones(disparity.shape, bool), 1.0)


def hills(rng: np.random.Generator, view: View, light: Light, depth: float, top: float) -> Surface:
    """Hills, woods or roofs on the skyline, `depth` metres off; `top` is their mean height over distance."""
    ray = view.rays()
    up, across = -ray[1] / np.maximum(ray[2], 0.1), ray[0] / np.maximum(ray[2], 0.1)
    line = noise(int(rng.integers(24)), float(rng.choice([0.9, 1.3, 1.7])))[int(rng.integers(SIZE))]
    row = (across * rng.uniform(30, 110)).astype(np.int32) & (SIZE - 1)
    line = line / (line.std() + 1e-6)
    style = rng.random()
    if style < 0.3:  # roofs: flat steps
        line = np.round(line * 1.5)[np.arange(SIZE) // 6 * 6] / 1.5
    crest = top * (1 + 0.35 * line[row])
    below = crest - up
    disparity = np.float32(1 / depth) * (1 + np.float32(0.5) * np.clip(below / max(top, 0.02), 0, 2))
    group = "building" if style < 0.3 else "nature"
    paint = random_material(rng, group, depth * 0.15).sample(
        across * depth, -up * depth, 1.3 * depth / view.focal_px
    )
    paint = paint * light.shade(0, -0.5, -0.8)
    color = light.through_air(paint, disparity)
    return Surface(0, 0, color, disparity.astype(np.float32), below > 0)
