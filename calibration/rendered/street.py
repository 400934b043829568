"""Streets between house fronts, as walkers and drivers see them."""

from dataclasses import replace

import numpy as np

from . import names
from .camera import Camera, placed, translation, turned
from .ground import crossed_trees
from .library import Furniture, Library
from .mesh import Array, Material, Mesh, fitted, joined
from .renderer import Item
from .shapes import box
from .stage import Rng, Shot, Stage, between, choose, daylight, named, paint, put, stuff, tinted


def _facade(rng: Rng, library: Library, width: float, depth: float) -> list[tuple[Mesh, Array]]:
    """A house front along the street, x = 0 the middle: a wall with windows that stand out."""
    floors = int(rng.integers(2, 7))
    height = floors * 3.1 + between(rng, 0, 1.5)
    wall = (
        stuff(rng, library, ("stone",), between(rng, 1, 3))
        if rng.random() < 0.6
        else Material(paint(rng, 0.4))
    )
    parts = [(box((width, height, depth), wall), translation(0, 0, -depth / 2))]
    count = max(int(width / between(rng, 1.8, 3.5)), 1)
    ww, wh = width / count * between(rng, 0.35, 0.65), between(rng, 1.1, 2.0)
    glass = Material((0.12, 0.15, 0.2), gloss=0.7)
    rim = Material(choose(rng, ((0.9, 0.9, 0.88), paint(rng), (0.3, 0.28, 0.25))))
    window = box((ww + 0.2, wh + 0.2, 0.12), rim)
    pane = box((ww, wh, 0.14), glass)
    balcony = box((ww + 0.8, 0.9, 0.8), rim) if rng.random() < 0.25 else None
    for floor in range(floors):
        for i in range(count):
            x, y = (i + 0.5 - count / 2) * width / count, floor * 3.1 + 0.9
            if floor == 0 and rng.random() < 0.3:
                door = box((between(rng, 1.0, 2.2), 2.3, 0.16), Material(paint(rng), gloss=0.2))
                parts.append((door, translation(x, 0, 0)))
                continue
            parts.append((window, translation(x, y - 0.1, 0)))
            parts.append((pane, translation(x, y, 0.01)))
            if balcony is not None and floor:
                parts.append((balcony, translation(x, y - 0.5, 0.35)))
    if rng.random() < 0.5:
        parts.append((box((width, 0.4, 0.6), rim), translation(0, height, 0)))
    return parts


def street(rng: Rng, library: Library) -> Stage:
    """A street along z: road, kerbs, house fronts or hedges, parked cars, lamps, trees and people."""
    road, pave = between(rng, 4, 10), between(rng, 1.2, 4.5)
    length = between(rng, 60, 200)
    asphalt = replace(stuff(rng, library, ("asphalt", "asphalt", "stone"), 3.0), tile=0.0)
    if rng.random() < 0.5:
        grey = between(rng, 0.25, 0.5)
        asphalt = Material((grey, grey, grey * 1.03))
    eye = np.eye(4, dtype=np.float32)
    items = [
        Item(
            box((road, 0.1, 2 * length), replace(asphalt, tile=3.0, bump=0.01), base=-0.1), eye, tinted(rng)
        ),
        Item(box((3000, 0.1, 3000), stuff(rng, library, ("ground",), 4.0), base=-0.25), eye),
    ]
    if rng.random() < 0.6:
        line = box((0.13, 0.012, 2.5), Material((0.9, 0.9, 0.88)))
        items.append(
            Item(joined([(line, translation(0, 0, float(z))) for z in np.arange(-length, length, 6.0)]), eye)
        )
    slab = stuff(rng, library, ("stone",), between(rng, 0.8, 2.0))
    for side in (-1, 1):
        items.append(
            Item(box((pave, 0.14, 2 * length), slab, base=0.0), translation(side * (road + pave) / 2, 0, 0))
        )
        built = rng.random() < 0.75
        z = -length
        while z < length:
            width = between(rng, 7, 18)
            x = side * (road / 2 + pave + (0 if built else between(rng, 1, 6)))
            face = translation(x, 0, z + width / 2) @ turned(-side * np.pi / 2)
            drawn = rng.random()
            if built and drawn < 0.85:
                items.append(
                    Item(joined(_facade(rng, library, width, between(rng, 6, 14))), face, tinted(rng))
                )
            elif library.buildings and drawn < 0.9:
                mesh = library.model(choose(rng, library.buildings))
                if mesh is not None and max(mesh.size[0], mesh.size[2]) < 30:
                    back = translation(0, -float(mesh.low[1]), -float(mesh.size[2]) / 2 - 1)
                    items.append(Item(mesh, face @ back, tinted(rng)))
                    width = max(width, float(mesh.size[0]) + 2)
            z += width + (between(rng, 0, 8) if rng.random() < 0.3 else 0)
    trees = crossed_trees(rng, library)
    lamps, cars = named(library, names.STREET), named(library, names.CARS)
    people, plants = named(library, names.PEOPLE), named(library, names.PLANTS)
    for side in (-1, 1):
        if rng.random() < 0.7 and cars:
            z = between(rng, -30, -20)
            while z < 60:
                z += between(rng, 5, 14)
                made = _parked(rng, library, cars, side * (road / 2 - 1.1), z, side)
                items += [made] if made is not None else []
        if rng.random() < 0.5:
            every = between(rng, 6, 14)
            for z in np.arange(-30, 80, every):
                x = side * (road / 2 + between(rng, 0.4, 0.8))
                if trees and rng.random() < 0.6:
                    mesh, _ = choose(rng, trees)
                    items.append(
                        Item(
                            mesh,
                            placed(x, 0, float(z), between(rng, 0, 6), between(rng, 0.5, 0.9)),
                            tinted(rng),
                        )
                    )
                elif plants:
                    made = put(rng, library, choose(rng, plants), x, 0.1, float(z), between(rng, 0, 6))
                    items += [made] if made is not None else []
        for choices, count in ((lamps, int(rng.integers(2, 12))), (people, int(rng.integers(0, 8)))):
            for _ in range(count):
                if choices:
                    x = side * (road / 2 + between(rng, 0.3, pave))
                    made = put(
                        rng,
                        library,
                        choose(rng, choices),
                        x,
                        0.14,
                        between(rng, -20, 45),
                        between(rng, 0, 6.28),
                    )
                    items += [made] if made is not None else []
    light, sky = daylight(rng, (0, 0, 0), between(rng, 18, 35), 10 ** between(rng, -4, -2.4))
    driving = rng.random() < 0.4

    def aim(rng: Rng) -> Shot | None:
        fov = np.radians(between(rng, 40, 75))
        roll = float(rng.normal(0, 0.02))
        z = between(rng, -10, 15)
        if driving:
            x, y = between(rng, -0.3, 0.3) * road, between(rng, 1.2, 2.0)
            yaw = float(rng.normal(0, 0.1)) + choose(rng, (0.0, np.pi))
            return Shot(Camera((x, y, z), yaw, float(rng.normal(-0.04, 0.04)), roll, fov), light)
        side = choose(rng, (-1, 1))
        x, y = side * between(rng, 0, road / 2 + pave * 0.9), float(np.clip(rng.normal(1.5, 0.25), 0.5, 2.5))
        yaw = choose(rng, (0.0, np.pi)) + float(rng.normal(0, 0.5))
        if rng.random() < 0.35:
            yaw = side * np.pi / 2 + float(rng.normal(0, 0.4))
        return Shot(Camera((x, y, z), yaw, float(rng.normal(0.0, 0.1)), roll, fov), light)

    return Stage(items, sky, aim)


def _parked(rng: Rng, library: Library, cars: list[Furniture], x: float, z: float, side: int) -> Item | None:  # type: ignore[no-untyped-def]
    if library.cars and rng.random() < 0.25:
        mesh = library.model(choose(rng, library.cars))
        if mesh is not None:
            whole = fitted(mesh, float(mesh.size[0]), float(mesh.size[1]), float(mesh.size[2]))
            return Item(whole, placed(x, 0.1, z, side * np.pi / 2), tinted(rng))
    piece = choose(rng, cars)
    turn = 0.0 if piece.depth > piece.width else np.pi / 2
    return put(rng, library, piece, x, 0, z, turn + (np.pi if side < 0 else 0) + float(rng.normal(0, 0.02)))
