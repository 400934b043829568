"""Open ground and what grows on it: waves and hills, trees, rocks, and models strewn over it."""

from dataclasses import replace

import numpy as np

from .library import Library
from .mesh import Array, Material, Mesh
from .renderer import Item
from .shapes import card, grid
from .stage import Rng, between, choose, named, put, stuff, tinted

Ground = tuple[Array, Array]
"""Waves of the ground: their numbers K×2, and their amplitudes and phases K×2."""


def waves(rng: Rng, roughness: float, scale: float) -> Ground:
    """Waves of a fractal ground: K×2 wave numbers and K×2 amplitude and phase."""
    count = 14
    size = scale * 0.6 ** np.arange(count)
    turn = rng.uniform(0, 2 * np.pi, count)
    waves = np.stack([np.cos(turn), np.sin(turn)], -1) * (2 * np.pi / size)[:, None]
    amplitude = roughness * size * rng.uniform(0.3, 1, count) * 0.12
    return waves, np.stack([amplitude, rng.uniform(0, 6.28, count)], -1)


def height_at(ground: Ground, x: Array, z: Array) -> Array:
    """Height of the ground at places."""
    waves, form = ground
    phase = np.asarray(x)[..., None] * waves[:, 0] + np.asarray(z)[..., None] * waves[:, 1] + form[:, 1]
    return np.asarray((np.sin(phase) * form[:, 0]).sum(-1))


def terrain(rng: Rng, library: Library, ground: Ground, reach: float, hills: float) -> list[Item]:
    """Ground around the origin, fine nearby and coarse far off, rising to hills at its end."""
    tile = between(rng, 1.5, 5.0)
    near = stuff(rng, library, ("ground",), 1.0)
    near = replace(near, tile=0.0, bump=0.01)
    items = []
    steps = np.concatenate([[0.0], np.geomspace(0.5, reach, 70)])
    angle = np.linspace(0, 2 * np.pi, 97)
    radius, turn = np.meshgrid(steps, angle, indexing="ij")
    x, z = radius * np.sin(turn), radius * np.cos(turn)
    y = height_at(ground, x, z)
    ridge = sum(
        a * (1 + np.sin(turn * k + p))
        for k, a, p in zip((2, 3, 5, 9, 14), (0.3, 0.3, 0.2, 0.12, 0.08), rng.uniform(0, 6, 5), strict=True)
    )
    y = y + hills * ridge * np.clip(radius / reach - 0.15, 0, 1) ** 1.5
    points = np.stack([x, y, z], -1).astype(np.float32)
    uv = np.stack([x, z], -1).astype(np.float32) / tile
    split = int(np.searchsorted(steps, between(rng, 12, 60)))
    mesh = grid(points[: split + 1], uv[: split + 1], near)
    items.append(Item(mesh, np.eye(4, dtype=np.float32), tinted(rng), casts=False))
    far = (
        replace(stuff(rng, library, ("ground", "ground", "stone"), 1.0), tile=0.0, bump=0.0)
        if rng.random() < 0.4
        else near
    )
    items.append(Item(grid(points[split:], uv[split:] / 4, far), np.eye(4, dtype=np.float32), tinted(rng)))
    return items


def crossed_trees(rng: Rng, library: Library) -> list[tuple[Mesh, float]]:
    """Crossed pictures of a few trees: sheets with several in a row are cut apart."""
    made = []
    for _ in range(4):
        if not library.trees:
            break
        name = choose(rng, library.trees)
        try:
            pixels = library.picture(name)
        except (KeyError, OSError, ValueError):
            continue
        rows, columns = pixels.shape[:2]
        if (pixels[..., 3] < 100).mean() < 0.15:
            continue
        count = max(round(columns / rows), 1) if columns > rows else 1
        index = int(rng.integers(count))
        material = Material((1.0, 1.0, 1.0), name, cutout=True)
        height = between(rng, 4, 14)
        base = card(height * 0.75, height, material, crossed=True)
        parts = []
        for p in base.parts:
            vertices = p.vertices.copy()
            vertices[:, 6] = (vertices[:, 6] + index) / count
            # Foliage is lit from all sides: its normals point up and out.
            vertices[:, 3:6] = (0.0, 0.8, 0.6)
            parts.append(replace(p, vertices=vertices))
        made.append((replace(base, parts=tuple(parts)), height))
    return made


def scatter(
    rng: Rng, library: Library, ground: Ground, pieces: str, count: int, near: float, far: float
) -> list[Item]:
    """Models strewn on the ground between two distances."""
    made = []
    choices = named(library, pieces)
    for _ in range(count):
        if not choices:
            break
        piece = choose(rng, choices)
        r, t = near * (far / near) ** between(rng, 0, 1), between(rng, 0, 2 * np.pi)
        x, z = r * np.sin(t), r * np.cos(t)
        y = float(height_at(ground, np.array(x), np.array(z)))
        item = put(rng, library, piece, x, y - 0.02, z, between(rng, 0, 6.28), between(rng, 0.8, 1.3))
        if item is not None:
            made.append(item)
    return made


def rock(rng: Rng, library: Library) -> Mesh:
    """A boulder: a ball with waves on it."""
    v, u = np.meshgrid(np.linspace(0, np.pi, 16), np.linspace(0, 2 * np.pi, 25), indexing="ij")
    ball = np.stack([np.sin(v) * np.cos(u), np.cos(v), np.sin(v) * np.sin(u)], -1)
    bulge = np.ones(v.shape)
    for _ in range(6):
        bulge += np.sin(ball @ rng.normal(0, 3, 3) + between(rng, 0, 6)) * between(rng, 0, 0.13)
    size = between(rng, 0.2, 1.6)
    points = ball * bulge[..., None] * np.array([1, between(rng, 0.5, 1), between(rng, 0.6, 1)]) * size
    material = replace(stuff(rng, library, ("stone",), 1.0), tile=0.0, bump=0.01)
    return grid(points.astype(np.float32), np.stack([u, v], -1).astype(np.float32) / 2, material)
