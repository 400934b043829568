"""Small things: books, boxes, pots and bottles, cut-out photographs, and heaps of them on a surface."""

import numpy as np

from . import names
from .camera import placed, translation, turned
from .library import Library
from .mesh import Array, Material, Mesh
from .renderer import Item
from .shapes import box, card, grid, lathe
from .stage import Rng, between, choose, named, paint, put, stuff, tinted


def book(rng: Rng, library: Library) -> Mesh:
    """A closed book lying flat, cover up."""
    w, d, h = between(rng, 0.11, 0.24), between(rng, 0.16, 0.32), between(rng, 0.01, 0.06)
    cover = _cover(rng, library)
    back = Material(paint(rng), gloss=0.1)
    pages = Material((0.9, 0.87, 0.8))
    return box((w, h, d), [pages, pages, pages, back, cover, back])


def package(rng: Rng, library: Library) -> Mesh:
    """A box: carton, crate or packing with a printed front."""
    size = (between(rng, 0.06, 0.4), between(rng, 0.05, 0.4), between(rng, 0.05, 0.3))
    if rng.random() < 0.5:
        return box(size, stuff(rng, library, ("wood", "fabric", "stone"), 0.4, 0.1))
    side = Material(paint(rng), gloss=between(rng, 0, 0.2))
    return box(size, [_cover(rng, library), side, side, side, side, side])


def _cover(rng: Rng, library: Library) -> Material:
    names = library.photos + library.textures.get("print", [])
    if not names or rng.random() < 0.3:
        return Material(paint(rng), gloss=0.15)
    return Material((1.0, 1.0, 1.0), choose(rng, names), gloss=0.1)


def pot(rng: Rng, library: Library) -> Mesh:
    """A vase, cup, bottle or cone turned from a random profile."""
    count = int(rng.integers(4, 8))
    height, radius = between(rng, 0.08, 0.45), between(rng, 0.03, 0.13)
    t = np.linspace(0, 1, 24)
    shape = np.interp(t, np.linspace(0, 1, count), rng.uniform(0.3, 1.0, count))
    if rng.random() < 0.3:
        shape = 1.02 - t
    shape = np.convolve(np.pad(shape, 2, "edge"), np.full(5, 0.2), "valid")
    profile = np.stack(
        [np.concatenate([[1e-4], shape, [1e-4]]) * radius, np.concatenate([[0], t, [1]]) * height], -1
    )
    if rng.random() < 0.4:
        material = stuff(rng, library, ("wood", "fabric", "stone"), 0.3, 0.3)
    else:
        material = Material(paint(rng), gloss=between(rng, 0, 0.6))
    return lathe(profile.astype(np.float32), material)


def cloth(rng: Rng, library: Library, width: float, depth: float) -> Mesh:
    """A crumpled cloth lying on y = 0."""
    x, z = np.meshgrid(np.linspace(-width / 2, width / 2, 40), np.linspace(-depth / 2, depth / 2, 40))
    y = np.zeros_like(x)
    for _ in range(6):
        fx, fz = rng.normal(0, 9, 2)
        y += np.abs(np.sin(fx * x + fz * z + between(rng, 0, 6))) ** 2 * between(rng, 0, 0.025)
    points = np.stack([x, y + 0.004, z], -1).astype(np.float32)
    uv = np.stack([x, z], -1).astype(np.float32) / between(rng, 0.2, 1.0)
    names = library.textures.get("fabric", [])
    texture = choose(rng, names) if names else ""
    return grid(points, uv, Material(paint(rng, 0.4) if not texture else (1.0, 1.0, 1.0), texture))


def cutout(rng: Rng, library: Library, height: float) -> Mesh | None:
    """A photograph cut out along its subject, upright, as tall as given."""
    if not library.cutouts:
        return None
    name = choose(rng, library.cutouts)
    try:
        pixels = library.picture(name)
    except (KeyError, OSError, ValueError):
        return None
    rows, columns = pixels.shape[:2]
    if (pixels[..., 3] > 127).mean() < 0.15:
        return None
    return card(height * columns / rows, height, Material((1.0, 1.0, 1.0), name, cutout=True))


def small_thing(rng: Rng, library: Library, largest: float) -> Item | None:
    """One small thing at the origin."""
    drawn = rng.random()
    if drawn < 0.2:
        mesh: Mesh | None = book(rng, library)
    elif drawn < 0.35:
        mesh = package(rng, library)
    elif drawn < 0.5:
        mesh = pot(rng, library)
    elif drawn < 0.56:
        mesh = cutout(rng, library, between(rng, 0.1, min(0.5, largest)))
    else:
        choices = named(library, names.SMALL, largest)
        if not choices:
            return None
        return put(rng, library, choose(rng, choices), 0, 0, 0, 0)
    return None if mesh is None else Item(mesh, np.eye(4, dtype=np.float32), tinted(rng))


def moved_item(item: Item, matrix: Array) -> Item:
    """The item placed by another matrix before its own place."""
    from dataclasses import replace

    return replace(item, matrix=(matrix @ item.matrix).astype(np.float32))


def clutter(
    rng: Rng,
    library: Library,
    x: float,
    y: float,
    z: float,
    yaw: float,
    width: float,
    depth: float,
    count: int,
    largest: float = 0.6,
) -> list[Item]:
    """Things strewn over a level rectangle around (x, z) at height y, some stacked, hardly overlapping."""
    frame = translation(x, y, z) @ turned(yaw)
    made: list[Item] = []
    taken: list[tuple[float, float, float, float]] = []
    for _ in range(count * 3):
        if len(taken) >= count:
            break
        item = small_thing(rng, library, min(largest, max(width, depth)))
        if item is None:
            continue
        sx, sy, sz = (float(v) for v in item.mesh.size)
        radius = 0.5 * max(sx, sz)
        if 2 * radius > max(width, depth):
            continue
        px = between(rng, -1, 1) * max(width / 2 - radius * 0.8, 0.01)
        pz = between(rng, -1, 1) * max(depth / 2 - radius * 0.8, 0.01)
        under = [t for t in taken if np.hypot(px - t[0], pz - t[1]) < (radius + t[2]) * 0.8]
        level = 0.0
        if under:
            flat = [t for t in under if t[3] > 0 and t[2] > radius * 0.6]
            if len(under) > 1 or not flat or rng.random() < 0.3:
                continue
            px, pz, level = flat[0][0], flat[0][1], flat[0][3]
        turn = between(rng, 0, 2 * np.pi) if rng.random() < 0.5 else float(rng.normal(0, 0.25))
        made.append(moved_item(item, frame @ placed(px, level, pz, turn)))
        top = level + sy if len(item.mesh.parts) == 6 and sy < 0.4 else 0.0
        taken.append((px, pz, radius, top))
    return made
