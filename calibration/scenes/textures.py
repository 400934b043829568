"""Tileable textures: a bank of procedural patterns and photo crops, made once a process from fixed seeds."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..sources import bundled_photos

Array = NDArray[np.floating[Any]]
"""Arrays of this package: float32 in and out, whatever NumPy makes of the steps between."""
SIZE = 256
"""Side of a texture at its finest level, in texels."""


@lru_cache(maxsize=256)
def noise(index: int, beta: float = 1.0, stretch: float = 1.0) -> Array:
    """Tileable 1/f^beta noise, SIZE×SIZE, mean 0 and deviation 1; `stretch` > 1 draws it out vertically."""
    rng = np.random.default_rng([7001, index])
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE * stretch
    fx = np.fft.rfftfreq(SIZE)[None, :] * SIZE
    amplitude = (fy * fy + fx * fx + 1.0) ** (-0.5 * beta)
    phase = np.exp(2j * np.pi * rng.random(amplitude.shape))
    field = np.fft.irfft2(amplitude * phase, s=(SIZE, SIZE))
    field -= field.mean()
    return (field / (field.std() + 1e-9)).astype(np.float32)


def _unit(field: Array) -> Array:
    return np.clip(field * 0.22 + 0.5, 0.0, 1.0)


_Y, _X = (np.mgrid[0:SIZE, 0:SIZE] / SIZE).astype(np.float32)


def _fractal(rng: np.random.Generator, n: int) -> Array:
    return _unit(noise(n, float(rng.choice([0.7, 1.0, 1.3, 1.6]))))


def _grass(rng: np.random.Generator, n: int) -> Array:
    blades = noise(n, 0.5, float(rng.choice([0.25, 0.4])))
    return _unit(0.75 * blades + 0.6 * noise(n + 1, 1.5))


def _bricks(rng: np.random.Generator, n: int) -> Array:
    rows = int(rng.choice([4, 8, 10, 16]))
    columns = max(2, rows // 2)
    mortar = rng.uniform(0.04, 0.12)
    row = np.floor(_Y * rows)
    shifted = (_X * columns + 0.5 * (row % 2)) % columns
    fy, fx = (_Y * rows) % 1.0, shifted % 1.0
    tone = rng.random((rows, columns)).astype(np.float32)[row.astype(int), shifted.astype(int)]
    joint = (fy < mortar) | (fx < mortar * 0.5)
    brick = 0.3 + 0.3 * tone + 0.06 * noise(n, 1.0)
    return np.clip(np.where(joint, rng.choice([0.1, 0.9]), brick), 0, 1).astype(np.float32)


def _tiles(rng: np.random.Generator, n: int) -> Array:
    count = int(rng.choice([2, 4, 6, 8]))
    cell = (np.floor(_Y * count) + np.floor(_X * count)) % 2
    joint = np.minimum((_Y * count) % 1.0, (_X * count) % 1.0) < 0.04
    contrast = rng.choice([0.0, 0.15, 0.6])
    return np.clip(np.where(joint, 0.2, 0.6 + contrast * (cell - 0.5) + 0.05 * noise(n, 1.2)), 0, 1)


def _stripes(rng: np.random.Generator, n: int) -> Array:
    count = int(rng.choice([3, 6, 10, 20]))
    axis = _X if rng.random() < 0.6 else _Y
    wave = np.sin(2 * np.pi * count * axis + 0.3 * noise(n, 2.0) * rng.choice([0.0, 1.0]))
    return _unit(2.0 * np.tanh(3.0 * wave) + 0.15 * noise(n + 1, 1.0))


def _plaid(rng: np.random.Generator, n: int) -> Array:
    a, b = int(rng.integers(2, 9)), int(rng.integers(2, 9))
    weave = np.sign(np.sin(2 * np.pi * a * _X)) + np.sign(np.sin(2 * np.pi * b * _Y))
    return _unit(weave.astype(np.float32) + 0.2 * noise(n, 0.6))


def _wood(rng: np.random.Generator, n: int) -> Array:
    planks = int(rng.choice([1, 3, 4, 6]))
    plank = np.floor(_X * planks)
    grain = np.sin(2 * np.pi * (rng.integers(4, 12) * _X + 0.12 * noise(n, 1.8, 0.1) + 0.37 * plank))
    tone = rng.standard_normal(planks)[plank.astype(int)]
    gap = (_X * planks) % 1.0 < 0.02 * planks / 3
    return np.where(gap, 0.05, _unit(0.7 * grain + 0.6 * noise(n + 1, 1.0, 0.1) + 0.5 * tone)).astype(
        np.float32
    )


def _marble(rng: np.random.Generator, n: int) -> Array:
    return _unit(2.0 * np.sin(rng.uniform(2, 6) * noise(n, 1.8)).astype(np.float32))


def _cells(rng: np.random.Generator, n: int) -> Array:
    """Leaves, pebbles, gravel: each texel shaded by its nearest point on the torus and the distance to it."""
    count = int(rng.choice([40, 90, 200]))
    points = rng.random((count, 2)).astype(np.float32)
    half = SIZE // 2
    y, x = (np.mgrid[0:half, 0:half] / half).astype(np.float32).reshape(2, -1)
    dy = np.abs(y[:, None] - points[:, 0])
    dx = np.abs(x[:, None] - points[:, 1])
    distance = np.minimum(dy, 1 - dy) ** 2 + np.minimum(dx, 1 - dx) ** 2
    nearest = distance.argmin(1)
    fall = np.sqrt(distance[np.arange(half * half), nearest] * count)
    tone = rng.random(count).astype(np.float32)[nearest]
    value = (0.35 + 0.65 * tone) * np.clip(1.15 - fall, 0, 1)
    return np.asarray(value.reshape(half, half).repeat(2, 0).repeat(2, 1), np.float32)


def _facade(rng: np.random.Generator, n: int) -> Array:
    floors, bays = int(rng.choice([2, 3, 5, 8])), int(rng.choice([2, 3, 4, 8]))
    fy, fx = (_Y * floors) % 1.0, (_X * bays) % 1.0
    wide, tall = rng.uniform(0.25, 0.42), rng.uniform(0.25, 0.42)
    pane = (np.abs(fx - 0.5) < wide) & (np.abs(fy - 0.5) < tall)
    frame = (np.abs(fx - 0.5) < wide + 0.04) & (np.abs(fy - 0.5) < tall + 0.04) & ~pane
    lit = rng.random((floors, bays))[np.floor(_Y * floors).astype(int), np.floor(_X * bays).astype(int)]
    wall = 0.62 + 0.05 * noise(n, 0.8)
    return np.clip(np.where(pane, 0.08 + 0.3 * lit**3, np.where(frame, 0.9, wall)), 0, 1).astype(np.float32)


def _shelf(rng: np.random.Generator, n: int) -> Array:
    """Rows of upright books: hard vertical edges of one depth, which are no depth edges."""
    rows, columns = int(rng.choice([3, 4])), 40
    tone = rng.random((rows, columns)).astype(np.float32)
    tall = 0.08 + 0.25 * rng.random((rows, columns)).astype(np.float32)
    row, column = np.floor(_Y * rows).astype(int), np.floor(_X * columns).astype(int)
    fy = (_Y * rows) % 1.0
    book = np.where(fy < tall[row, column], 0.04, 0.2 + 0.75 * tone[row, column])
    return np.where(fy > 0.9, 0.5, book).astype(np.float32)


def _blotches(rng: np.random.Generator, n: int) -> Array:
    return _unit(2.2 * np.tanh(4.0 * noise(n, 1.6)) + 0.2 * noise(n + 1, 0.8))


def _plain(rng: np.random.Generator, n: int) -> Array:
    return np.clip(0.5 + 0.05 * noise(n, 1.5) + 0.015 * noise(n + 1, 0.2), 0, 1)


_PATTERNS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "fractal": _fractal,
    "grass": _grass,
    "bricks": _bricks,
    "tiles": _tiles,
    "stripes": _stripes,
    "plaid": _plaid,
    "wood": _wood,
    "marble": _marble,
    "cells": _cells,
    "facade": _facade,
    "shelf": _shelf,
    "blotches": _blotches,
    "plain": _plain,
}
KINDS = (*_PATTERNS, "photo")
"""Names of the texture kinds."""
VARIANTS = 12
"""How many different textures there are of each kind."""


@lru_cache(maxsize=1)
def bundled_images() -> list[Image.Image]:
    """The bundled photos, RGB; read once a process."""
    return [Image.open(path).convert("RGB") for path in bundled_photos()]


def _photo(rng: np.random.Generator, n: int) -> Array:
    """A crop of a bundled photo, H×W×3, mirrored both ways so that it tiles without a seam."""
    photo = bundled_images()[n % len(bundled_images())]
    side = int(rng.uniform(0.25, 0.9) * min(photo.size))
    x = int(rng.integers(0, photo.width - side + 1))
    y = int(rng.integers(0, photo.height - side + 1))
    half = SIZE // 2
    crop = np.asarray(photo.resize((half, half), Image.Resampling.BOX, (x, y, x + side, y + side)))
    crop = np.concatenate([crop, crop[:, ::-1]], 1)
    return np.concatenate([crop, crop[::-1]], 0).astype(np.float32) / 255


@cache
def atlas(kind: str, variant: int) -> NDArray[np.uint8]:
    """All levels of one texture, each half as fine as the last, as rows: N×3 uint8, row-major by level.

    Level l has side SIZE >> l and starts at row `level_start(l)`.
    """
    rng = np.random.default_rng([7002, KINDS.index(kind), variant])
    n = KINDS.index(kind) * 31 + variant * 2
    if kind == "photo":
        image = _photo(rng, variant)
    else:
        value = _PATTERNS[kind](rng, n % 24)
        # The channels differ a little, as the colours of real materials do.
        drift = [rng.uniform(-0.06, 0.06) * noise((n + 5 + c) % 24, 1.6) for c in range(3)]
        image = np.clip(np.stack([value + d for d in drift], -1), 0, 1)
    levels = []
    while image.shape[0] >= 1:
        levels.append((image.reshape(-1, 3) * 255 + 0.5).astype(np.uint8))
        if image.shape[0] == 1:
            break
        image = image.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2, 3).mean((1, 3))
    return np.concatenate(levels)
