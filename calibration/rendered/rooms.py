"""Rooms with furniture, and close views of tables and shelves in them."""

from dataclasses import replace

import numpy as np

from . import names
from .camera import looking_at, placed, translation, turned
from .library import Furniture, Library
from .mesh import Material
from .props import cloth, clutter
from .renderer import Item, Light, Sky
from .shapes import box, quad
from .stage import Rng, Shot, Stage, between, choose, named, paint, put, stuff, tinted


def _inside_light(rng: Rng, w: float, h: float, d: float) -> Light:
    """Lamp under the ceiling or sun through a window, and soft light of a window at one side."""
    cast = (1.0, between(rng, 0.78, 1.0), between(rng, 0.55, 1.05))
    ambient = between(rng, 0.12, 0.7)
    up = tuple(ambient * c for c in cast)
    down = tuple(ambient * between(rng, 0.4, 0.9) * c for c in cast)
    turn = between(rng, 0, 2 * np.pi)
    side = (float(np.cos(turn)), 0.3, float(np.sin(turn)))
    window = between(rng, 0, 0.9)
    lamps = tuple(
        (
            (between(rng, -w / 2, w / 2), between(rng, 0.8, h - 0.2), between(rng, -d / 2, d / 2)),
            tuple(between(rng, 0.1, 1.2) * c for c in (1.0, 0.85, 0.6)),
        )
        for _ in range(int(rng.integers(0, 3)))
    )
    sunny = rng.random() < 0.3
    power = between(rng, 0.5, 4.0)
    return Light(
        sun=(side[0], between(rng, 0.4, 1.5), side[2])
        if sunny
        else (between(rng, -0.3, 0.3) * w, h - 0.15, between(rng, -0.3, 0.3) * d),
        lamp=not sunny,
        sun_color=tuple(power * c * (0.6 if sunny else 1.3) for c in cast),  # type: ignore[arg-type]
        sky_color=up,  # type: ignore[arg-type]
        ground_color=down,  # type: ignore[arg-type]
        side=side,
        side_color=tuple(window * c for c in (0.9, 0.97, 1.0)),  # type: ignore[arg-type]
        lamps=lamps,  # type: ignore[arg-type]
        reach=max(w, d),
        softness=between(rng, 0.004, 0.03),
        occlusion=between(rng, 0.5, 1.2),
        occlusion_reach=between(rng, 0.25, 0.6),
    )


def _shell(rng: Rng, library: Library, w: float, h: float, d: float) -> list[Item]:
    """Floor, ceiling and four walls with skirting, windows, doors, pictures and a rug."""
    eye = np.eye(4, dtype=np.float32)
    floor = stuff(rng, library, ("wood", "wood", "stone", "fabric"), between(rng, 0.6, 2.0), 0.25)
    if rng.random() < 0.7:
        wall = Material(tuple(0.35 + 0.65 * c for c in paint(rng, 0.5)), gloss=0.02)  # type: ignore[arg-type]
    else:
        wall = stuff(rng, library, ("stone", "fabric", "wood"), between(rng, 0.5, 2.5))
    accent = stuff(rng, library, ("stone", "wood", "fabric"), 1.5) if rng.random() < 0.25 else wall
    ceiling = Material((0.92, 0.91, 0.88)) if rng.random() < 0.8 else stuff(rng, library, ("wood",), 1.5)
    items = [
        Item(
            quad([(-w / 2, 0, d / 2), (w / 2, 0, d / 2), (w / 2, 0, -d / 2), (-w / 2, 0, -d / 2)], floor), eye
        ),
        Item(
            quad([(-w / 2, h, -d / 2), (w / 2, h, -d / 2), (w / 2, h, d / 2), (-w / 2, h, d / 2)], ceiling),
            eye,
            casts=False,
        ),
    ]
    skirting = Material(choose(rng, ((0.95, 0.95, 0.93), (0.4, 0.25, 0.15), paint(rng))))
    for index, (x, z, yaw, length) in enumerate(_walls(w, d)):
        frame = translation(x, 0, z) @ turned(yaw)
        skin = accent if index == 0 else wall
        side = quad([(-length / 2, 0, 0), (length / 2, 0, 0), (length / 2, h, 0), (-length / 2, h, 0)], skin)
        items.append(Item(side, frame, casts=False))
        if rng.random() < 0.7:
            items.append(Item(box((length, between(rng, 0.06, 0.15), 0.03), skirting), frame))
        items += _on_wall(rng, library, frame, length, h)
    if rng.random() < 0.5:
        rug = cloth(rng, library, between(rng, 1.2, 2.5), between(rng, 0.9, 2.0))
        flat = np.diag([1, 0.15, 1, 1]).astype(np.float32)
        matrix = (
            placed(between(rng, -0.2, 0.2) * w, 0, between(rng, -0.2, 0.2) * d, between(rng, 0, 3)) @ flat
        )
        items.append(Item(rug, matrix, tinted(rng)))
    return items


def _walls(w: float, d: float) -> list[tuple[float, float, float, float]]:
    """Middle, yaw (to face inwards) and length of the four walls."""
    return [
        (0, -d / 2, 0.0, w),
        (0, d / 2, np.pi, w),
        (-w / 2, 0, np.pi / 2, d),
        (w / 2, 0, -np.pi / 2, d),
    ]


def _on_wall(rng: Rng, library: Library, frame: np.ndarray, length: float, h: float) -> list[Item]:
    """A window, a door or pictures; all stand out a little from the wall."""
    items: list[Item] = []
    at = -length / 2 + between(rng, 0.3, 1.2)
    while at < length / 2 - 0.7:
        drawn = rng.random()
        if drawn < 0.25:
            ww, wh = between(rng, 0.7, 1.6), between(rng, 0.8, 1.5)
            low = between(rng, 0.5, 1.0)
            glow = between(rng, 0.6, 3.0)
            pane = Material((0.9, 0.95, 1.0), emission=glow)
            if library.photos and rng.random() < 0.6:
                pane = Material((1.0, 1.0, 1.0), choose(rng, library.photos), emission=glow)
            frame_paint = Material(choose(rng, ((0.95, 0.95, 0.95), (0.35, 0.22, 0.12))))
            middle = frame @ translation(at + ww / 2, low, 0)
            items.append(Item(box((ww, wh, 0.01), pane), middle, casts=False))
            for dx, dy, bw, bh in (
                (-ww / 2, 0, 0.06, wh),
                (ww / 2, 0, 0.06, wh),
                (0, 0, 0.05, wh),
                (0, wh, ww + 0.06, 0.06),
                (0, -0.06, ww + 0.1, 0.06),
            ):
                items.append(Item(box((bw, bh, 0.1), frame_paint), middle @ translation(dx, dy, 0)))
            at += ww
        elif drawn < 0.4:
            doors = named(library, "door|exterior door|interior door|double door|glass door|open door")
            wood = (
                stuff(rng, library, ("wood",), 1.0, 0.1) if rng.random() < 0.6 else Material(paint(rng, 0.5))
            )
            piece = (
                put(rng, library, choose(rng, doors), 0, 0, 0, 0) if doors and rng.random() < 0.5 else None
            )
            if piece is None:
                piece = Item(box((0.9, 2.05, 0.08), wood), np.eye(4, dtype=np.float32))
            items.append(replace(piece, matrix=frame @ translation(at + 0.45, 0, 0.03) @ piece.matrix))
            at += 0.9
        elif drawn < 0.75:
            pw, ph = between(rng, 0.2, 1.0), between(rng, 0.2, 0.8)
            names = library.photos + library.cutouts
            art = Material((1.0, 1.0, 1.0), choose(rng, names), gloss=0.1) if names else Material(paint(rng))
            rim = Material(paint(rng))
            place = frame @ translation(at + pw / 2, between(rng, 1.1, 1.6), 0)
            items.append(Item(box((pw, ph, between(rng, 0.01, 0.05)), [art, rim, rim, rim, rim, rim]), place))
            at += pw
        elif drawn < 0.85 and length > 2:
            sw = between(rng, 0.5, 1.2)
            shelf = frame @ translation(at + sw / 2, between(rng, 1.1, 1.7), 0.12)
            items.append(Item(box((sw, 0.03, 0.24), stuff(rng, library, ("wood",), 0.6)), shelf))
            items += [
                replace(i, matrix=shelf @ i.matrix)
                for i in clutter(rng, library, 0, 0.03, 0, 0, sw, 0.22, int(rng.integers(2, 7)), 0.35)
            ]
            at += sw
        at += between(rng, 0.2, 1.5)
    return items


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
    items, plan = _shell(rng, library, w, h, d), _Plan(w, d)
    focus: list[tuple[float, float, float]] = []
    walls = _walls(w, d)
    back = named(library, names.GARAGE + "|shelves|locked locker" if style == "garage" else names.AGAINST)
    for _ in range(int(w * d * between(rng, 0.5, 1.1)) + 4):
        if not back:
            break
        piece = choose(rng, back)
        x0, z0, yaw, length = choose(rng, walls)
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
    light = _inside_light(rng, w, h, d)

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
    items = _shell(rng, library, w, h, d)
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
    light = _inside_light(rng, w, h, d)
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
