"""Reads Wavefront OBJ models and their MTL materials."""

from collections.abc import Callable
from posixpath import dirname, join, normpath

import numpy as np

from .mesh import MAX_TRIANGLES, Array, Material, Mesh, face_normals, mesh, part

MAX_BYTES = 64 << 20


def read_obj(text: str, name: str, read: Callable[[str], str]) -> Mesh:
    """The mesh of an OBJ file.

    Args:
        text: the file.
        name: its path, from which the paths of materials and textures are resolved.
        read: gives the text of another file by its path, or raises KeyError.

    Raises:
        ValueError: too large, malformed, or nothing visible in it.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"{name}: larger than {MAX_BYTES >> 20} MiB")
    positions, normals, uvs = [], [], []
    materials: dict[str, Material] = {}
    faces: dict[str, list[tuple[str, str, str]]] = {}
    current = faces.setdefault("", [])
    count = 0
    for line in text.splitlines():
        if line.startswith("v "):
            positions.append(line.split()[1:4])
        elif line.startswith("vn "):
            normals.append(line.split()[1:4])
        elif line.startswith("vt "):
            uvs.append(line.split()[1:3])
        elif line.startswith("f "):
            corners = line.split()[1:]
            current += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
            count += len(corners) - 2
            if count > MAX_TRIANGLES:
                raise ValueError(f"{name}: more than {MAX_TRIANGLES} triangles")
        elif line.startswith("usemtl"):
            current = faces.setdefault(line[6:].strip(), [])
        elif line.startswith("mtllib"):
            path = normpath(join(dirname(name), line[6:].strip()))
            try:
                materials |= read_mtl(read(path), path)
            except KeyError:
                continue
    tables = [np.array(t, np.float32).reshape(len(t), w) for t, w in ((positions, 3), (uvs, 2), (normals, 3))]
    parts = []
    for key, triangles in faces.items():
        if triangles:
            xyz, uv, normal = _corners(triangles, *tables)
            if normal is None:
                normal = face_normals(xyz)
            parts.append(part(xyz, uv, materials.get(key, Material()), normal))
    return mesh(parts)


def _corners(
    triangles: list[tuple[str, str, str]], positions: Array, uvs: Array, normals: Array
) -> tuple[Array, Array | None, Array | None]:
    """Positions, texture coordinates and normals of all corners, looked up in the file's tables."""
    flat = [c.split("/") for t in triangles for c in t]

    def lookup(place: int, table: Array) -> Array | None:
        if not len(table) or any(len(c) <= place or not c[place] for c in flat):
            return None
        index = np.array([c[place] for c in flat], np.int64)
        index = np.where(index < 0, index + len(table), index - 1)
        if index.min() < 0 or index.max() >= len(table):
            raise ValueError("a face names a vertex that the file does not have")
        return table[index]

    xyz = lookup(0, positions)
    if xyz is None:
        raise ValueError("a face without vertices")
    return xyz, lookup(1, uvs), lookup(2, normals)


def read_mtl(text: str, name: str) -> dict[str, Material]:
    """The materials of an MTL file by name; textures are paths resolved from `name`."""
    made: dict[str, Material] = {}
    fields: dict[str, str] = {}
    for line in [*text.splitlines(), "newmtl "]:
        key, _, value = line.strip().partition(" ")
        if key == "newmtl":
            if "newmtl" in fields:
                made[fields["newmtl"]] = _material(fields, name)
            fields = {"newmtl": value.strip()}
        elif key:
            fields[key] = value.strip()
    return made


def _material(fields: dict[str, str], name: str) -> Material:
    color = tuple(float(v) for v in fields.get("Kd", "0.8 0.8 0.8").split()[:3])
    shine = [float(v) for v in fields.get("Ks", "0 0 0").split()[:3]]
    texture = fields.get("map_Kd", "").split(" ")[-1].replace("\\", "/")
    opacity = float(fields.get("d", "1").split()[-1])
    return Material(
        color=(1.0, 1.0, 1.0) if texture else (color[0], color[1], color[2]),
        texture=normpath(join(dirname(name), texture)) if texture else "",
        opacity=opacity,
        cutout=texture.lower().endswith(".png"),
        gloss=min(max(shine), 1.0) * 0.5,
    )
