"""A room's shell: floor, ceiling, walls and what hangs on them, and the light inside."""

from dataclasses import replace

import numpy as np

from .camera import placed, translation, turned
from .library import Library
from .mesh import Material
from .props import cloth, clutter
from .renderer import Item, Light
from .shapes import box, quad
from .stage import Rng, between, choose, named, paint, put, stuff, tinted


def inside_light(rng: Rng, w: float, h: float, d: float) -> Light:
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


def shell(rng: Rng, library: Library, w: float, h: float, d: float) -> list[Item]:
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
    for index, (x, z, yaw, length) in enumerate(walls(w, d)):
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


def walls(w: float, d: float) -> list[tuple[float, float, float, float]]:
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
