"""Open country, gardens and fields under a sky."""

import numpy as np

from . import names
from .camera import Camera, placed
from .ground import crossed_trees, height_at, rock, scatter, terrain, waves
from .library import Library
from .props import cutout
from .renderer import Item
from .stage import Rng, Shot, Stage, between, choose, daylight, tinted


def country(rng: Rng, library: Library) -> Stage:
    """Open country: ground, hills, trees, bushes, rocks, sometimes houses, animals, grass at the camera."""
    ground = waves(rng, between(rng, 0.05, 0.5), between(rng, 30, 200))
    reach = between(rng, 300, 2500)
    items = terrain(rng, library, ground, reach, between(rng, 0, 0.2) * reach)
    trees = crossed_trees(rng, library)
    density = rng.random()
    for _ in range(int(200 * density**2) + 3):
        if not trees:
            break
        mesh, _ = choose(rng, trees)
        r, t = 5 * (between(rng, 60, reach * 0.3) / 5) ** between(rng, 0.1, 1), between(rng, 0, 2 * np.pi)
        x, z = r * np.sin(t), r * np.cos(t)
        y = float(height_at(ground, np.array(x), np.array(z)))
        items.append(
            Item(mesh, placed(x, y - 0.1, z, between(rng, 0, 6), between(rng, 0.6, 1.4)), tinted(rng))
        )
    items += scatter(rng, library, ground, names.PLANTS, int(rng.integers(2, 14)), 2.0, 40)
    if rng.random() < 0.5:
        items += scatter(
            rng, library, ground, names.GARDEN + "|" + names.PEOPLE, int(rng.integers(1, 6)), 2.0, 18
        )
    for _ in range(int(rng.integers(0, 10))):
        r, t = 2 * 15 ** between(rng, 0, 1), between(rng, 0, 6.28)
        x, z = r * np.sin(t), r * np.cos(t)
        y = float(height_at(ground, np.array(x), np.array(z)))
        items.append(Item(rock(rng, library), placed(x, y, z, between(rng, 0, 6)), tinted(rng)))
    if library.buildings and rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 4))):
            house = library.model(choose(rng, library.buildings))
            r, t = between(rng, 25, 120), between(rng, 0, 6.28)
            if house is None or max(house.size) > 60:
                continue
            x, z = r * np.sin(t), r * np.cos(t)
            y = float(height_at(ground, np.array(x), np.array(z)))
            items.append(Item(house, placed(x, y - float(house.low[1]), z, between(rng, 0, 6)), tinted(rng)))
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 9))):
            mesh_ = cutout(rng, library, between(rng, 0.3, 1.6))
            if mesh_ is not None:
                r, t = 1.2 * 10 ** between(rng, 0, 1), between(rng, 0, 6.28)
                x, z = r * np.sin(t), r * np.cos(t)
                y = float(height_at(ground, np.array(x), np.array(z)))
                items.append(
                    Item(mesh_, placed(x, y, z, float(np.arctan2(-x, -z) + rng.normal(0, 0.4))), tinted(rng))
                )
    light, sky = daylight(rng, (0, 0, 0), between(rng, 15, 40), 10 ** between(rng, -4.2, -2.3))

    def aim(rng: Rng) -> Shot | None:
        r, t = between(rng, 0, 4), between(rng, 0, 6.28)
        x, z = r * np.sin(t), r * np.cos(t)
        y = float(height_at(ground, np.array(x), np.array(z))) + float(
            np.clip(rng.normal(1.4, 0.5), 0.25, 3.0)
        )
        pitch = float(np.clip(rng.normal(-0.08, 0.14), -0.5, 0.25))
        camera = Camera(
            (x, y, z),
            between(rng, 0, 6.28),
            pitch,
            float(rng.normal(0, 0.02)),
            np.radians(between(rng, 38, 75)),
        )
        return Shot(camera, light)

    return Stage(items, sky, aim)
