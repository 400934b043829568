"""Close views without a table's edge or a horizon: heaps and beds, boards and things stacked to the back."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from . import names
from .camera import looking_at, placed, translation, turned
from .library import Library
from .mesh import Array, Material, Mesh
from .props import cloth, clutter, cutout, moved_item, package, pot, small_thing
from .renderer import Item, Sky
from .shapes import box, lathe, quad
from .shell import inside_light, shell
from .stage import Rng, Shot, Stage, between, choose, daylight, named, paint, put, stuff, tinted

Maker = Callable[[Rng], Item | None]
"""Makes one thing of a sort at the origin; None if its model is unusable."""

_SURFACES = ("wood", "stone", "fabric", "ground", "print")


def heap(rng: Rng, library: Library) -> Stage:
    """Many things, often all of one sort, heaped on a floor or growing from it; seen from any height.

    From straight above, such a floor is also a wall that things are fixed to.
    """
    reach = between(rng, 0.25, 1.3)
    largest = reach * between(rng, 0.25, 0.75)
    growing = rng.random() < 0.35
    makers = [_sort(rng, library, largest, growing) for _ in range(1 if rng.random() < 0.6 else 3)]
    top = reach * between(rng, 0.0, 0.8) * (not growing)
    crowd = between(rng, 1.0, 6.0)
    items: list[Item] = []
    for _ in range(int(np.clip(crowd * (reach / (0.5 * largest)) ** 2, 4, 120))):
        item = choose(rng, makers)(rng)
        if item is None:
            continue
        r, t = 1.6 * reach * np.sqrt(rng.random()), between(rng, 0, 2 * np.pi)
        x, z = r * np.cos(t), r * np.sin(t)
        y = between(rng, 0.3, 1.0) * top * max(0.0, 1 - (r / (1.6 * reach)) ** 2)
        turn = turned(between(rng, 0, 6.28), *((0.0, 0.0) if growing else rng.normal(0, 0.6, 2)))
        items.append(moved_item(item, translation(x, y, z) @ turn))
    outside = rng.random() < (0.8 if growing else 0.3)
    half = 60.0 if outside else 3.0
    eye = np.eye(4, dtype=np.float32)
    if outside:
        corners = [(-half, 0, half), (half, 0, half), (half, 0, -half), (-half, 0, -half)]
        floor = stuff(rng, library, ("ground",), between(rng, 0.4, 2.0))
        items.append(Item(quad(corners, floor), eye))
        light, sky = daylight(rng, (0, 0, 0), 3 * reach + 1, 1e-3)
    else:
        items += shell(rng, library, 2 * half, 2.7, 2 * half)
        if rng.random() < 0.6:
            spread = cloth(rng, library, 4 * reach, 4 * reach)
            items.append(Item(spread, eye, tinted(rng)))
        light, sky = replace(inside_light(rng, 4, 2.7, 4), reach=3 * reach + 1), Sky()
    light = replace(light, occlusion_reach=between(rng, 0.1, 0.4) * largest)

    def aim(rng: Rng) -> Shot | None:
        steep = np.radians(between(rng, 8, 89) if rng.random() < 0.7 else between(rng, 60, 89.5))
        fov = np.radians(between(rng, 28, 62))
        far = reach * between(rng, 0.3, 1.1) / np.tan(fov / 2) + top
        side = between(rng, 0, 2 * np.pi)
        x, z = between(rng, -0.4, 0.4) * reach, between(rng, -0.4, 0.4) * reach
        at = (
            x + far * np.cos(steep) * np.cos(side),
            0.5 * top + far * np.sin(steep),
            z + far * np.cos(steep) * np.sin(side),
        )
        if not outside and (max(abs(at[0]), abs(at[2])) > half - 0.1 or at[1] > 2.6):
            return None
        height = 0.5 * top + between(rng, 0.0, 0.5) * largest
        return Shot(looking_at(at, (x, height, z), float(rng.normal(0, 0.08)), float(fov)), light)

    return Stage(items, sky, aim)


def _sort(rng: Rng, library: Library, largest: float, growing: bool) -> Maker:
    """A function that makes one thing after another of one sort, each about `largest` metres tall or wide."""
    if growing:
        plants = named(library, names.PLANTS + "|flowers|tulips|orchids|white lily|spider plant")
        if not plants or rng.random() < 0.25:
            return lambda r: _upright(r, library, largest)
        plant = choose(rng, plants)
        tall = max(plant.height, plant.width)
        return lambda r: put(r, library, plant, 0, 0, 0, 0, largest / tall * between(r, 0.6, 1.2))
    drawn = rng.random()
    if drawn < 0.4:
        skin = _skin(rng, library)
        squeeze = rng.uniform(0.5, 1.0, 3)
        return lambda r: Item(
            _ball(r, skin), _sized(largest / 2 * squeeze * r.uniform(0.75, 1.1, 3)), tinted(r)
        )
    if drawn < 0.7:
        choices = named(library, names.SMALL)
        if choices:
            piece = choose(rng, choices)
            size = max(piece.height, piece.width, piece.depth)
            return lambda r: put(r, library, piece, 0, 0, 0, 0, largest / size * between(r, 0.8, 1.1))
    if drawn < 0.85:
        build = choose(rng, (pot, package))
        return lambda r: _scaled(r, build(r, library), largest)
    return lambda r: small_thing(r, library, largest)


def _upright(rng: Rng, library: Library, tall: float) -> Item | None:
    """A cut-out photograph standing up."""
    mesh = cutout(rng, library, tall * between(rng, 0.6, 1.2))
    return None if mesh is None else Item(mesh, np.eye(4, dtype=np.float32), tinted(rng))


def _skin(rng: Rng, library: Library) -> Material:
    """The surface of a fruit, a ball, a stone."""
    if rng.random() < 0.5:
        return Material(paint(rng), gloss=between(rng, 0, 0.6))
    return replace(stuff(rng, library, _SURFACES, 1.0, 0.4), tile=0.0, color=paint(rng, 0.4))


def _ball(rng: Rng, skin: Material) -> Mesh:
    """A ball of radius 1 around the origin, a little pointed at one end."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 14)
    taper = 1 - between(rng, 0, 0.35) * (np.sin(angle) + 1) / 2
    profile = np.stack([np.maximum(np.cos(angle) * taper, 1e-4), np.sin(angle)], -1)
    return lathe(profile.astype(np.float32), skin, sides=18)


def _sized(radii: Array) -> Array:
    return np.diag([*radii, 1]).astype(np.float32)


def _scaled(rng: Rng, mesh: Mesh, largest: float) -> Item:
    """The mesh as an item, its longest side about `largest`."""
    scale = largest / float(max(mesh.size)) * between(rng, 0.8, 1.1)
    return Item(mesh, placed(0, 0, 0, 0, scale), tinted(rng))


def still(rng: Rng, library: Library) -> Stage:
    """Things on steps that rise to the back, boards among them, before a wall: they fill the frame."""
    w, d, h = between(rng, 2.5, 4), between(rng, 3.5, 5), 2.6
    items = shell(rng, library, w, h, d)
    steps = int(rng.integers(1, 5))
    front, top = -d / 2 + steps * 0.3 + between(rng, 0.0, 0.4), between(rng, 0.2, 0.8)
    base = top
    rise = between(rng, 0.0, 0.25)
    for step in range(steps):
        z = front - 0.3 * step
        deep = z + d / 2
        skin = stuff(rng, library, _SURFACES, between(rng, 0.3, 1.0))
        items.append(Item(box((w, base, deep), skin, repeat=0.6), translation(0, 0, z - deep / 2)))
        if rng.random() < 0.4:
            items.append(Item(cloth(rng, library, w * 0.8, 0.3), translation(0, base, z - 0.15), tinted(rng)))
        items += _boards(rng, library, w, base, z - 0.15, int(rng.integers(0, 5)))
        size = between(rng, 0.25, 0.7)
        items += clutter(rng, library, 0, base, z - 0.15, 0, w * 0.65, 0.4, int(rng.integers(4, 14)), size)
        base += rise * between(rng, 0.3, 1.5)
    items += _boards(rng, library, w, base * between(rng, 0.5, 1), -d / 2 + 0.1, int(rng.integers(1, 5)))
    light = replace(inside_light(rng, w, h, d), occlusion_reach=between(rng, 0.08, 0.25))

    def aim(rng: Rng) -> Shot | None:
        fov = np.radians(between(rng, 26, 56))
        far = between(rng, 0.5, 1.8)
        target = (
            between(rng, -0.25, 0.25) * w,
            between(rng, top, base + 0.3),
            front - between(rng, 0, 0.3) * steps,
        )
        at = (
            target[0] + float(rng.normal(0, 0.25)) * far,
            target[1] + float(np.clip(rng.normal(0.2, 0.2), -0.15, 0.8)) * far,
            target[2] + far,
        )
        if at[2] > d / 2 - 0.1 or abs(at[0]) > w / 2 - 0.1 or at[1] < 0.1 or at[1] > h - 0.1:
            return None
        return Shot(looking_at(at, target, float(rng.normal(0, 0.03)), float(fov)), light)

    return Stage(items, Sky(), aim)


def _boards(rng: Rng, library: Library, width: float, base: float, z: float, count: int) -> list[Item]:
    """Boards, books and pictures stood up, turned and leant."""
    made = []
    for _ in range(count):
        size = (between(rng, 0.12, 0.6), between(rng, 0.12, 0.6), between(rng, 0.005, 0.06))
        prints = library.photos + library.textures.get("print", [])
        face = stuff(rng, library, _SURFACES, 0.4)
        if prints and rng.random() < 0.4:
            face = Material((1.0, 1.0, 1.0), choose(rng, prints), gloss=0.1)
        rim = Material(paint(rng))
        lean = turned(float(rng.normal(0, 0.5)), -abs(float(rng.normal(0, 0.25))), float(rng.normal(0, 0.1)))
        place = translation(between(rng, -0.35, 0.35) * width, base, z) @ lean
        made.append(Item(box(size, [face, rim, rim, rim, rim, rim]), place, tinted(rng)))
    return made
