"""Somebody or something close to the camera, as most photos of people have it."""

from dataclasses import replace

import numpy as np

from . import names
from .camera import translation, turned
from .library import Library
from .props import cutout
from .renderer import Item
from .stage import Rng, Shot, between, choose, named, put, tinted


def with_subject(rng: Rng, library: Library, shot: Shot) -> Shot:
    """The shot with a person, an animal or a thing before the camera, large in the frame."""
    drawn = rng.random()
    item: Item | None = None
    if drawn < 0.25:
        mesh = cutout(rng, library, 1.0)
        item = Item(mesh, np.eye(4, dtype=np.float32), tinted(rng)) if mesh is not None else None
    else:
        choices = named(library, names.SUBJECTS if drawn < 0.7 else names.THINGS)
        item = put(rng, library, choose(rng, choices), 0, 0, 0, 0) if choices else None
    if item is None:
        return shot
    _, sy, sz = (float(v) for v in item.mesh.size)
    person = sy > 1.2
    # How much of the subject's height fills the frame decides the distance; of people the upper part is seen.
    seen = sy * (between(rng, 0.3, 1.0) if person else 1.0)
    distance = max(seen / (2 * np.tan(shot.camera.fov / 2) * between(rng, 0.35, 0.9)), 0.35 + 0.5 * sz)
    middle = sy - seen / 2 if person else sy / 2
    camera = shot.camera
    frame = translation(*camera.position) @ turned(camera.yaw, camera.pitch * 0.5, 0)
    aside = between(rng, -0.35, 0.35) * distance
    facing = float(rng.normal(0, 0.5)) if rng.random() < 0.8 else between(rng, 0, 6.28)
    place = frame @ translation(aside, -middle + float(rng.normal(0, 0.05)) * sy, -distance) @ turned(facing)
    standing = replace(item, matrix=(place @ item.matrix).astype(np.float32), casts=False)
    return replace(shot, extra=(*shot.extra, standing))
