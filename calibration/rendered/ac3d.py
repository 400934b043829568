"""Reads AC3D models (.ac, and .acc with the triangle strips of the TORCS racing game)."""

from collections.abc import Iterator
from posixpath import dirname, join, normpath

import numpy as np
from numpy.typing import NDArray

from .mesh import MAX_TRIANGLES, Array, Material, Mesh, mesh, part

MAX_BYTES = 64 << 20
_STRIP = 4
_LINE_TYPES = (1, 2)


def read_ac3d(text: str, name: str) -> Mesh:
    """The mesh of an AC3D file; y is up, textures are paths resolved from the file's own.

    Raises:
        ValueError: not AC3D, too large, malformed, or nothing visible in it.
    """
    if not text.startswith("AC3D"):
        raise ValueError(f"{name}: not an AC3D file")
    if len(text) > MAX_BYTES:
        raise ValueError(f"{name}: larger than {MAX_BYTES >> 20} MiB")
    reader = _Reader(iter(text.splitlines()), dirname(name))
    reader.read()
    return mesh([part(np.concatenate(xyz), np.concatenate(uv), m) for m, (xyz, uv) in reader.found.items()])


class _Reader:
    """Walks the lines of a file and gathers the corners of each material."""

    def __init__(self, lines: Iterator[str], folder: str) -> None:
        self.lines = lines
        self.folder = folder
        self.colors: list[tuple[tuple[float, float, float], float]] = []
        self.found: dict[Material, tuple[list[Array], list[Array]]] = {}
        self.count = 0

    def read(self) -> None:
        """The whole file: objects nest, so a stack holds the place of each open parent."""
        # One entry an object still open: its frame and how many children it has yet to show.
        frames: list[tuple[Array, int]] = []
        frame: Array = np.eye(4)
        vertices: Array = np.zeros((0, 3))
        texture, repeat = "", (1.0, 1.0)
        for line in self.lines:
            key, _, value = line.strip().partition(" ")
            if key == "MATERIAL":
                self.colors.append(_color(value))
            elif key == "OBJECT":
                frame = (frames[-1][0] if frames else np.eye(4)).copy()
                texture, repeat, vertices = "", (1.0, 1.0), np.zeros((0, 3))
            elif key == "data":
                # The text is on the next line and may hold any word.
                next(self.lines, "")
            elif key == "loc":
                local = np.eye(4)
                local[:3, 3] = [float(v) for v in value.split()[:3]]
                frame = frame @ local
            elif key == "rot":
                local = np.eye(4)
                local[:3, :3] = np.array([float(v) for v in value.split()[:9]]).reshape(3, 3).T
                frame = frame @ local
            elif key == "texture" and not texture:
                texture = _texture(value, self.folder)
            elif key == "texrep":
                repeat = (float(value.split()[0]), float(value.split()[1]))
            elif key == "numvert":
                rows = [next(self.lines, "").split()[:3] for _ in range(min(int(value), 3 * MAX_TRIANGLES))]
                vertices = np.array(rows, np.float64).reshape(-1, 3) @ frame[:3, :3].T + frame[:3, 3]
            elif key == "numsurf":
                self._surfaces(int(value), vertices, texture, repeat)
            elif key == "kids":
                frames.append((frame, int(value)))
                while frames and frames[-1][1] == 0:
                    frames.pop()
                    if frames:
                        frames[-1] = (frames[-1][0], frames[-1][1] - 1)

    def _surfaces(self, count: int, vertices: Array, texture: str, repeat: tuple[float, float]) -> None:
        for _ in range(count):
            kind, number, refs = 0, 0, []
            for line in self.lines:
                key, _, value = line.strip().partition(" ")
                if key == "SURF":
                    kind = int(value, 16) & 0xF
                elif key == "mat":
                    number = int(value)
                elif key == "refs":
                    refs = [next(self.lines, "").split()[:3] for _ in range(int(value))]
                    break
            if len(refs) < 3 or kind in _LINE_TYPES:
                continue
            table = np.array(refs, np.float64)
            index = table[:, 0].astype(np.int64)
            if index.min() < 0 or index.max() >= len(vertices):
                raise ValueError("a surface names a vertex that its object does not have")
            order = _order(len(refs), kind)
            self.count += len(order) // 3
            if self.count > MAX_TRIANGLES:
                raise ValueError(f"more than {MAX_TRIANGLES} triangles")
            xyz, uv = self.found.setdefault(self._material(number, texture), ([], []))
            xyz.append(vertices[index][order].astype(np.float32))
            uv.append((table[:, 1:][order] * repeat).astype(np.float32))

    def _material(self, number: int, texture: str) -> Material:
        color, opacity = self.colors[number] if number < len(self.colors) else ((0.8, 0.8, 0.8), 1.0)
        if texture:
            return Material((1.0, 1.0, 1.0), texture, opacity, cutout=True)
        return Material(color, "", opacity)


def _order(count: int, kind: int) -> NDArray[np.int64]:
    """Which of `count` corners make the triangles of a polygon (a fan) or a strip."""
    i = np.arange(count - 2)
    if kind == _STRIP:
        odd = i % 2
        return np.stack([i, i + 1 + odd, i + 2 - odd], axis=1).reshape(-1)
    return np.stack([np.zeros_like(i), i + 1, i + 2], axis=1).reshape(-1)


def _color(value: str) -> tuple[tuple[float, float, float], float]:
    """Colour and opacity of a MATERIAL line."""
    words = value.split()
    at = words.index("rgb") + 1
    r, g, b = (float(v) for v in words[at : at + 3])
    return (r, g, b), 1 - float(words[words.index("trans") + 1])


def _texture(value: str, folder: str) -> str:
    """The path of a texture line, "" for the names that stand for no picture."""
    name = value.split('"')[1] if '"' in value else value.split()[0]
    name = name.replace("\\", "/")
    return "" if not name or name.startswith("empty_texture") else normpath(join(folder, name))
