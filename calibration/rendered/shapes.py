"""Simple solids and sheets with texture coordinates in metres (walls, boxes, pots, ground)."""

from collections.abc import Sequence

import numpy as np

from .mesh import Array, Material, Mesh, Part, mesh, part


def quad(
    corners: Sequence[Sequence[float]], material: Material, repeats: tuple[float, float] = (1, 1)
) -> Mesh:
    """A flat four-sided sheet; corners run from bottom left over bottom right to the top."""
    a, b, c, d = (np.asarray(corner, np.float32) for corner in corners)
    u, v = repeats
    return mesh([part(np.stack([a, b, c, a, c, d]), _QUAD_UV * np.array([u, v], np.float32), material)])


_QUAD_UV = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]], np.float32)


def box(
    size: Sequence[float], materials: Material | Sequence[Material], repeat: float = 0.0, base: float = 0.0
) -> Mesh:
    """A box on y = base, centred on x = z = 0.

    Args:
        size: width (x), height (y), depth (z).
        materials: one, or six for front (+z), back, right (+x), left, top, bottom.
        repeat: metres that a texture covers; 0 stretches it once over each face.
    """
    w, h, d = size[0] / 2, size[1], size[2] / 2
    six = [materials] * 6 if isinstance(materials, Material) else list(materials)
    y0, y1 = base, base + h
    faces = [
        ([(-w, y0, d), (w, y0, d), (w, y1, d), (-w, y1, d)], (2 * w, h)),
        ([(w, y0, -d), (-w, y0, -d), (-w, y1, -d), (w, y1, -d)], (2 * w, h)),
        ([(w, y0, d), (w, y0, -d), (w, y1, -d), (w, y1, d)], (2 * d, h)),
        ([(-w, y0, -d), (-w, y0, d), (-w, y1, d), (-w, y1, -d)], (2 * d, h)),
        ([(-w, y1, d), (w, y1, d), (w, y1, -d), (-w, y1, -d)], (2 * w, 2 * d)),
        ([(-w, y0, -d), (w, y0, -d), (w, y0, d), (-w, y0, d)], (2 * w, 2 * d)),
    ]
    made: list[Part] = []
    for (corners, extent), material in zip(faces, six, strict=True):
        repeats = (extent[0] / repeat, extent[1] / repeat) if repeat else (1.0, 1.0)
        made += quad(corners, material, repeats).parts
    return mesh(made)


def lathe(profile: Array, material: Material, sides: int = 24) -> Mesh:
    """A solid of revolution about the y axis: profile K×2 of radius and height, bottom to top."""
    profile = np.asarray(profile, np.float32)
    angle = np.linspace(0, 2 * np.pi, sides + 1, dtype=np.float32)
    ring = np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], axis=-1)
    points = profile[:, None, :1] * ring[None]
    points[..., 1] = profile[:, 1:]
    u = np.broadcast_to(angle / (2 * np.pi) * 2, points.shape[:2])
    v = np.broadcast_to(np.linspace(0, 1, len(profile), dtype=np.float32)[:, None], points.shape[:2])
    return grid(points, np.stack([u, v], axis=-1), material)


def grid(points: Array, uv: Array, material: Material) -> Mesh:
    """A smooth sheet through a lattice of points R×C×3 with texture coordinates R×C×2."""
    down, right = np.gradient(points, axis=0), np.gradient(points, axis=1)
    normal = np.cross(down, right)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)

    def corners(lattice: Array) -> Array:
        a, b, c, d = lattice[:-1, :-1], lattice[:-1, 1:], lattice[1:, 1:], lattice[1:, :-1]
        return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, lattice.shape[-1])

    return mesh([part(corners(points), corners(uv), material, corners(normal))])


def card(width: float, height: float, material: Material, crossed: bool = False) -> Mesh:
    """An upright picture on y = 0 facing +z; crossed puts a second one at right angles (trees)."""
    w = width / 2
    parts = list(quad([(-w, 0, 0), (w, 0, 0), (w, height, 0), (-w, height, 0)], material).parts)
    if crossed:
        parts += quad([(0, 0, w), (0, 0, -w), (0, height, -w), (0, height, w)], material).parts
    return mesh(parts)
