"""Racing tracks through their landscape, as a car's camera sees them."""

from dataclasses import replace

import numpy as np

from . import names
from .camera import looking_at
from .library import Library
from .mesh import Array, Mesh
from .renderer import Item
from .stage import Rng, Shot, Stage, between, choose, daylight, named, put


def road(rng: Rng, library: Library) -> Stage | None:
    """A racing track through its landscape, from the height of a car's camera or a walker's eye."""
    if not library.tracks:
        return None
    mesh = library.model(choose(rng, library.tracks))
    if mesh is None:
        return None
    lanes = _lanes(mesh)
    if len(lanes) < 10:
        return None
    items = [Item(mesh, np.eye(4, dtype=np.float32))]
    middle = lanes[int(rng.integers(len(lanes)))]
    near = lanes[np.linalg.norm(lanes - middle, axis=1) < 90]
    cars = named(library, names.CARS)
    people = named(library, names.PEOPLE + "|" + names.STREET)
    for choices, count in ((cars, int(rng.integers(0, 10))), (people, int(rng.integers(0, 8)))):
        for _ in range(count):
            place = choose(rng, near) + rng.normal(0, 1.0, 3) * np.array([1, 0, 1])
            if choices:
                x, y, z = (float(v) for v in place)
                made = put(rng, library, choose(rng, choices), x, y, z, between(rng, 0, 6.28))
                items += [made] if made is not None else []
    x, y, z = (float(v) for v in middle)
    light, sky = daylight(rng, (x, y, z), 40, 10 ** between(rng, -4, -2.5))

    def aim(rng: Rng) -> Shot | None:
        close = near[np.linalg.norm(near - middle, axis=1) < 30]
        at = choose(rng, close) + rng.normal(0, 0.6, 3) * np.array([1, 0, 1])
        distance = np.linalg.norm(near - at, axis=1)
        ahead = near[(distance > 12) & (distance < 45)]
        if not len(ahead):
            return None
        goal = choose(rng, ahead)
        eye = (float(at[0]), float(at[1]) + between(rng, 1.0, 2.2), float(at[2]))
        target = (float(goal[0]), float(goal[1]) + 1.2 + float(rng.normal(0, 1.0)), float(goal[2]))
        camera = looking_at(eye, target, float(rng.normal(0, 0.02)), np.radians(between(rng, 40, 75)))
        return Shot(camera, replace(light, center=eye))

    return Stage(items, sky, aim)


def _lanes(mesh: Mesh) -> Array:
    """Points on the road of a track: middles of its level triangles with an asphalt or road texture."""
    found = []
    for p in mesh.parts:
        name = p.material.texture.rsplit("/", 1)[-1].lower()
        if any(word in name for word in ("asphalt", "road", "tr-dirt", "concrete", "street")) and not any(
            word in name for word in ("grass", "wall", "bar", "sand", "gravel", "barrier", "sign")
        ):
            corners = p.vertices[:, :3].reshape(-1, 3, 3)
            level = np.abs(p.vertices[::3, 4]) > 0.9
            found.append(corners.mean(axis=1)[level])
    return np.concatenate(found) if found else np.zeros((0, 3), np.float32)
