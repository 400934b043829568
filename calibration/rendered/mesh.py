"""Triangles with materials, as every reader of a model file gives them."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

MAX_TRIANGLES = 400_000
"""A model with more triangles is refused: it would slow every image that it stands in."""


@dataclass(frozen=True)
class Material:
    """What a surface looks like.

    Attributes:
        color: RGB in [0,1] as displayed (sRGB), times the texture if there is one.
        texture: name of a picture in the asset folder; "" for none.
        opacity: 1 opaque; parts below 0.5 (glass) are left out of photo and truth alike.
        cutout: whether the texture's alpha cuts holes (leaves, fences).
        gloss: strength of highlights, 0 to 1.
        emission: light given off, times the colour.
        tile: size in metres that one repeat of the texture covers, for surfaces without texture coordinates;
            0 uses the coordinates of the mesh.
        bump: how strongly the texture's brightness tilts the surface's normal.
    """

    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    texture: str = ""
    opacity: float = 1.0
    cutout: bool = False
    gloss: float = 0.0
    emission: float = 0.0
    tile: float = 0.0
    bump: float = 0.0


@dataclass(frozen=True)
class Part:
    """Triangles of one material: vertices 3·T × 8 float32, each position, normal, texture coordinates."""

    vertices: Array
    material: Material


@dataclass(frozen=True)
class Mesh:
    """A model in metres, y up.

    Attributes:
        parts: at least one.
        low, high: corners of the box around all vertices, 3 values each.
    """

    parts: tuple[Part, ...]
    low: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    high: Array = field(default_factory=lambda: np.zeros(3, np.float32))

    @property
    def size(self) -> Array:
        """Width (x), height (y) and depth (z) of the box around the mesh."""
        return self.high - self.low

    @property
    def triangles(self) -> int:
        """How many triangles all parts have."""
        return sum(len(part.vertices) for part in self.parts) // 3


def face_normals(positions: Array) -> Array:
    """A unit normal for each of 3·T vertices, that of its triangle."""
    corners = positions.reshape(-1, 3, 3)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return np.repeat(normal, 3, axis=0).astype(np.float32)


def part(positions: Array, uv: Array | None, material: Material, normals: Array | None = None) -> Part:
    """A part of 3·T corner positions, with flat normals where none are given."""
    positions = np.asarray(positions, np.float32).reshape(-1, 3)
    if normals is None:
        normals = face_normals(positions)
    if uv is None:
        uv = np.zeros((len(positions), 2), np.float32)
    return Part(np.concatenate([positions, normals, uv], axis=1).astype(np.float32), material)


def mesh(parts: list[Part]) -> Mesh:
    """A mesh of the parts that are visible: empty and transparent ones are dropped.

    Raises:
        ValueError: nothing visible is left, a number is not finite, or there are too many triangles.
    """
    kept = tuple(p for p in parts if len(p.vertices) and p.material.opacity >= 0.5)
    if not kept:
        raise ValueError("mesh: no visible triangle")
    if sum(len(p.vertices) for p in kept) > 3 * MAX_TRIANGLES:
        raise ValueError(f"mesh: more than {MAX_TRIANGLES} triangles")
    if not all(np.isfinite(p.vertices).all() for p in kept):
        raise ValueError("mesh: a vertex is not finite")
    low = np.min([p.vertices[:, :3].min(axis=0) for p in kept], axis=0)
    high = np.max([p.vertices[:, :3].max(axis=0) for p in kept], axis=0)
    return Mesh(kept, low, high)


def moved(model: Mesh, matrix: Array) -> Mesh:
    """The mesh with its vertices multiplied by a 4×4 matrix (rotation, scale, translation)."""
    linear = matrix[:3, :3]
    normal_matrix = np.linalg.inv(linear)
    parts = []
    for p in model.parts:
        vertices = p.vertices.copy()
        vertices[:, :3] = p.vertices[:, :3] @ linear.T + matrix[:3, 3]
        normal = p.vertices[:, 3:6] @ normal_matrix
        vertices[:, 3:6] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        parts.append(replace(p, vertices=vertices))
    return mesh(parts)


def fitted(model: Mesh, width: float, height: float, depth: float) -> Mesh:
    """The mesh scaled to a box of that size that stands on y = 0, centred on x = z = 0."""
    scale = np.array([width, height, depth]) / np.maximum(model.size, 1e-6)
    scale = np.where(model.size < 1e-6, 1.0, scale)
    center = (model.low + model.high) / 2
    matrix = np.diag([*scale, 1.0]).astype(np.float32)
    matrix[:3, 3] = -scale * np.array([center[0], model.low[1], center[2]])
    return joined([(model, matrix)])


def joined(placed: list[tuple[Mesh, Array]]) -> Mesh:
    """One mesh of meshes moved by their matrices; triangles of one material become one part."""
    gathered: dict[Material, list[Array]] = {}
    for model, matrix in placed:
        for p in moved(model, matrix).parts:
            gathered.setdefault(p.material, []).append(p.vertices)
    return mesh([Part(np.concatenate(vertices), material) for material, vertices in gathered.items()])
