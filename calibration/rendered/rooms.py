"""Rooms with furniture, and close views of tables and shelves in them."""

from dataclasses import replace

import numpy as np

from . import names
from .camera import looking_at, placed
from .library import Furniture, Library
from .mesh import Material
from .props import cloth, clutter
from .renderer import Item, Sky
from .shapes import box
from .shell import inside_light, shell, walls
from .stage import Rng, Shot, Stage, between, choose, named, paint, put, stuff


class _Plan:
    """Where furniture stands: rectangles on the floor that others and the camera keep out of."""

    def __init__(self, w: float, d: float) -> None:
        self.w, self.d = w, d
        self.taken: list[tuple[float, float, float, float]] = []

    def free(self, x: float, z: float, hx: float, hz: float) -> bool:
        """Whether a rectangle of half sizes hx, hz is inside and touches nothing."""
        inside = abs(x) + hx <= self.w / 2 + 0.02 and abs(z) + hz <= self.d / 2 + 0.02
        return inside and all(
            abs(x - tx) >= (hx + tw) * 0.95 or abs(z - tz) >= (hz + td) * 0.95
            for tx, tz, tw, td in self.taken
        )


def room(rng: Rng, library: Library) -> Stage:
    """A furnished room seen from standing or sitting height, sometimes a garage or a corridor."""
    style = choose(rng, ("living", "living", "living", "small", "garage", "corridor"))
    w, d, h = between(rng, 3.0, 7.0), between(rng, 3.0, 8.0), between(rng, 2.3, 3.0)
    if style == "corridor":
        w, d = between(rng, 1.3, 2.2), between(rng, 7.0, 16.0)
    elif style == "small":
        w, d = between(rng, 2.2, 3.6), between(rng, 2.2, 3.8)
    items, plan = shell(rng, library, w, h, d), _Plan(w, d)
    focus: list[tuple[float, float, float]] = []
    sides = walls(w, d)
    back = named(library, names.GARAGE + "|shelves|locked locker" if style == "garage" else names.AGAINST)
    for _ in range(int(w * d * between(rng, 0.5, 1.1)) + 4):
        if not back:
            break
        piece = choose(rng, back)
        x0, z0, yaw, length = choose(rng, sides)
        along = between(rng, -1, 1) * (length / 2 - piece.width / 2)
        depth = piece.depth / 2 + between(rng, 0.0, 0.08)
        x, z = x0 + np.cos(yaw) * along + np.sin(yaw) * depth, z0 - np.sin(yaw) * along + np.cos(yaw) * depth
        hx, hz = (
            (piece.width / 2, piece.depth / 2)
            if abs(np.sin(yaw)) < 0.5
            else (piece.depth / 2, piece.width / 2)
        )
        if piece.height > h or not plan.free(x, z, hx, hz):
            continue
        focus += _stand(rng, library, items, plan, piece, x, z, yaw, hx, hz)
    free = named(library, names.GARAGE if style == "garage" else names.FREE)
    for _ in range(int(w * d * between(rng, 0.3, 0.8)) + 2):
        if not free or style == "corridor":
            break
        piece = choose(rng, free)
        yaw = between(rng, 0, 2 * np.pi) if rng.random() < 0.5 else choose(rng, (0.0, 0.5, 1.0, 1.5)) * np.pi
        hx = hz = 0.5 * max(piece.width, piece.depth)
        x, z = between(rng, -w / 2 + hx, w / 2 - hx), between(rng, -d / 2 + hz, d / 2 - hz)
        if piece.height <= h and plan.free(x, z, hx, hz):
            focus += _stand(rng, library, items, plan, piece, x, z, yaw, hx, hz)
    if rng.random() < 0.3:
        people = named(library, names.PEOPLE + "|sitting male|sitting female|cat|dog|bulldog")
        for _ in range(int(rng.integers(1, 3))):
            x, z = between(rng, -w / 2 + 0.4, w / 2 - 0.4), between(rng, -d / 2 + 0.4, d / 2 - 0.4)
            if people and plan.free(x, z, 0.3, 0.3):
                focus += _stand(
                    rng, library, items, plan, choose(rng, people), x, z, between(rng, 0, 6.28), 0.3, 0.3
                )
    if rng.random() < 0.5:
        items += clutter(rng, library, 0, 0, 0, 0, w * 0.9, d * 0.9, int(rng.integers(2, 8)), 0.6)
    light = inside_light(rng, w, h, d)

    def aim(rng: Rng) -> Shot | None:
        at = (between(rng, -w / 2 + 0.25, w / 2 - 0.25), between(rng, -d / 2 + 0.25, d / 2 - 0.25))
        height = min(float(np.clip(rng.normal(1.35, 0.35), 0.35, 1.9)), h - 0.3)
        if not plan.free(at[0], at[1], 0.2, 0.2):
            return None
        if focus and rng.random() < 0.6:
            tx, ty, tz = choose(rng, focus)
        else:
            tx, ty, tz = between(rng, -0.5, 0.5) * w, between(rng, 0.3, 1.3), between(rng, -0.5, 0.5) * d
        if np.hypot(tx - at[0], tz - at[1]) < (0.9 if style != "small" else 0.6):
            return None
        fov = np.radians(between(rng, 45, 78))
        return Shot(looking_at((at[0], height, at[1]), (tx, ty, tz), float(rng.normal(0, 0.03)), fov), light)

    return Stage(items, Sky(), aim)


def _stand(
    rng: Rng,
    library: Library,
    items: list[Item],
    plan: _Plan,
    piece: Furniture,
    x: float,
    z: float,
    yaw: float,
    hx: float,
    hz: float,
) -> list[tuple[float, float, float]]:
    """Put a piece of furniture on the floor, with things on it if it is a table; where to look at it."""
    item = put(rng, library, piece, x, piece.elevation if piece.elevation < 0.3 else 0.0, z, yaw)
    if item is None:
        return []
    items.append(item)
    plan.taken.append((x, z, hx, hz))
    top = float(item.mesh.high[1])
    if piece in named(library, names.TABLES) and top < 1.3 and rng.random() < 0.85:
        count = int(rng.integers(1, 3 + int(8 * piece.width * piece.depth)))
        items += clutter(rng, library, x, top, z, yaw, piece.width * 0.9, piece.depth * 0.85, count, 0.5)
    return [(x, min(top, 1.2) * 0.7, z)]


def table(rng: Rng, library: Library) -> Stage:
    """Things on a table, seen from close by, before a wall, shelves or a room."""
    w, d, h = between(rng, 2.5, 5), between(rng, 2.5, 5), 2.6
    items = shell(rng, library, w, h, d)
    tw, td, top = between(rng, 0.8, 1.8), between(rng, 0.5, 1.1), between(rng, 0.45, 0.95)
    z0 = -d / 2 + td / 2 + (between(rng, 0.0, 0.25) if rng.random() < 0.6 else between(rng, 0.2, 1.2))
    wood = stuff(rng, library, ("wood", "wood", "stone", "fabric"), between(rng, 0.4, 1.2), 0.3)
    if rng.random() < 0.25:
        wood = Material(paint(rng), gloss=0.2)
    items.append(Item(box((tw, 0.04, td), wood, base=top - 0.04), placed(0, 0, z0)))
    for sx in (-1, 1):
        for sz in (-1, 1):
            items.append(
                Item(box((0.06, top, 0.06), wood), placed(sx * (tw / 2 - 0.06), 0, z0 + sz * (td / 2 - 0.06)))
            )
    if rng.random() < 0.35:
        items.append(
            Item(cloth(rng, library, tw * 0.9, td * 0.9), placed(0, top, z0, float(rng.normal(0, 0.2))))
        )
    items += clutter(
        rng, library, 0, top, z0, 0, tw, td, int(rng.integers(4, 22)), choose(rng, (0.35, 0.5, 0.8))
    )
    if rng.random() < 0.5:
        for level in (0.35, 0.75, 1.15, 1.55):
            sw = between(rng, 0.8, 2.0)
            middle = between(rng, -0.4, 0.4)
            base = top + level * between(rng, 0.7, 1.0)
            items.append(Item(box((sw, 0.03, 0.26), wood), placed(middle, base, -d / 2 + 0.13)))
            items += clutter(
                rng, library, middle, base + 0.03, -d / 2 + 0.13, 0, sw, 0.24, int(rng.integers(3, 9)), 0.35
            )
    if rng.random() < 0.6:
        near = named(
            library, "chair|stool|armchair|lamp|plant|ficus|oak chair|yucca|bookcase|speaker|electric guitar"
        )
        for _ in range(int(rng.integers(1, 4))):
            if near:
                piece = choose(rng, near)
                x = choose(rng, (-1, 1)) * between(rng, tw / 2 + piece.width / 2, max(w / 2, tw))
                item = put(
                    rng, library, piece, x, 0, between(rng, -d / 2 + 0.4, z0 + 0.5), between(rng, 0, 6)
                )
                items += [item] if item is not None else []
    light = inside_light(rng, w, h, d)
    light = replace(light, occlusion_reach=between(rng, 0.08, 0.25))

    def aim(rng: Rng) -> Shot | None:
        far = between(rng, 0.35, 1.6) * choose(rng, (0.6, 1.0))
        x = between(rng, -0.7, 0.7) * tw * 0.6
        z = z0 + td / 2 * between(rng, -0.2, 1.0) + far * 0.8
        if z > d / 2 - 0.1:
            return None
        y = top + float(np.clip(rng.normal(0.35, 0.25), 0.04, 1.1)) * min(far + 0.3, 1.2)
        target = (
            between(rng, -0.3, 0.3) * tw,
            top + between(rng, 0.0, 0.3),
            z0 + between(rng, -0.4, 0.3) * td,
        )
        fov = np.radians(between(rng, 35, 68))
        return Shot(looking_at((x, y, z), target, float(rng.normal(0, 0.03)), fov), light)

    return Stage(items, Sky(), aim)
