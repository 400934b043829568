"""A material: a texture of the bank between two colours, averaged over what a pixel covers."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from .textures import SIZE, VARIANTS, Array, atlas

_LEVELS = SIZE.bit_length()
_STARTS = np.cumsum([0] + [(SIZE >> level) ** 2 for level in range(_LEVELS)]).astype(np.int32)


def level_start(level: int) -> int:
    """First row of a level in a texture's atlas."""
    return int(_STARTS[level])


@dataclass(frozen=True)
class Material:
    """How a surface is coloured.

    Attributes:
        kind, variant: the texture in the bank.
        low, high: RGB in [0,1] that the texture's 0 and 1 become, 3 values each.
        scale: tiles of the texture per unit of the surface's coordinates.
        turn: rotation of the texture on the surface, radians.
        offset: where on the texture the origin of the surface lies, in tiles, 2 values.
    """

    kind: str
    variant: int
    low: Array
    high: Array
    scale: float = 1.0
    turn: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)

    def sample(self, u: Array, v: Array, footprint: Array | float) -> Array:
        """RGB (…×3, [0,1]) at surface coordinates u, v (… each).

        Args:
            footprint: size of a pixel on the surface in the unit of u and v; averages the texture over it.
        """
        rows = atlas(self.kind, self.variant)
        texels = np.asarray(footprint, np.float32) * np.float32(self.scale * SIZE)
        # Where even the finest level would show square texels the texture is repeated finer instead.
        fine = float(np.median(texels)) if texels.size else 1.0
        repeat = 2.0 ** np.ceil(np.log2(0.6 / fine)) if 0 < fine < 0.6 else 1.0
        level = np.clip(np.log2(np.maximum(texels * repeat, 1.0)), 0, _LEVELS - 1).astype(np.int32)
        factor = np.float32(self.scale * repeat)
        c, s = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        a = (u * c - v * s) * factor + np.float32(self.offset[0])
        b = (u * s + v * c) * factor + np.float32(self.offset[1])
        side = np.right_shift(np.int32(SIZE), level)
        # Texels wrap round; floor by a shift into the positive, the sides being powers of two.
        x = np.floor(np.clip(a, -8e3, 8e3) * side).astype(np.int32) & (side - 1)
        y = np.floor(np.clip(b, -8e3, 8e3) * side).astype(np.int32) & (side - 1)
        texel = rows[_STARTS[level] + y * side + x].astype(np.float32)
        gain = (np.asarray(self.high, np.float32) - self.low) / np.float32(255)
        return texel * gain + np.asarray(self.low, np.float32)


_GROUPS: dict[str, tuple[str, ...]] = {
    "ground": ("fractal", "grass", "cells", "plain", "tiles", "bricks", "blotches", "photo"),
    "nature": ("grass", "fractal", "cells", "blotches", "photo"),
    "wall": ("plain", "plain", "bricks", "fractal", "stripes", "wood", "photo", "shelf", "marble"),
    "floor": ("wood", "tiles", "plain", "plaid", "marble", "fractal", "bricks"),
    "building": ("facade", "facade", "bricks", "plain", "tiles", "photo"),
    "thing": (
        "plain",
        "plain",
        "wood",
        "stripes",
        "plaid",
        "marble",
        "fractal",
        "photo",
        "blotches",
        "cells",
    ),
    "leaves": ("cells", "fractal", "grass", "blotches"),
    "cloth": ("plain", "plain", "plaid", "stripes", "fractal", "blotches"),
}
_HUES: dict[str, tuple[float, float]] = {
    "nature": (0.08, 0.38),
    "leaves": (0.12, 0.42),
    "wood": (0.04, 0.12),
    "skin": (0.02, 0.09),
}


def palette_color(rng: np.random.Generator, hues: str | None = None) -> Array:
    """An RGB colour (3, [0,1]): mostly muted as in real photos, now and then vivid; `hues` names a range."""
    low, high = _HUES.get(hues or "", (0.0, 1.0))
    hue = rng.uniform(low, high) if hues or rng.random() < 0.4 else rng.beta(2, 6)
    saturation = rng.beta(1.6, 3.5) if rng.random() < 0.8 else rng.uniform(0.5, 1.0)
    value = rng.beta(2.2, 2.0) * 0.9 + 0.06
    ramp = np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    return (value * (1 - saturation * (1 - np.clip(ramp, 0, 1)))).astype(np.float32)


# A property of the whole scene, which every maker of things would otherwise only pass on.
_PHOTO_TEXTURES: ContextVar[bool] = ContextVar("photo_textures", default=True)


@contextmanager
def photo_textures(allowed: bool) -> Iterator[None]:
    """Say, for what is done inside, whether `random_material` may use crops of the bundled photos."""
    token = _PHOTO_TEXTURES.set(allowed)
    try:
        yield
    finally:
        _PHOTO_TEXTURES.reset(token)


def random_material(rng: np.random.Generator, group: str, unit: float = 1.0) -> Material:
    """A material from a group ("ground", "wall", "thing", …) whose tile is about `unit` wide."""
    kinds = [kind for kind in _GROUPS[group] if kind != "photo" or _PHOTO_TEXTURES.get()]
    kind = str(rng.choice(kinds))
    hues = group if group in _HUES else ("wood" if kind == "wood" and rng.random() < 0.7 else None)
    base = palette_color(rng, hues)
    if kind == "photo":
        gain = rng.uniform(0.7, 1.2) * (1 + 0.25 * (base - base.mean()))
        low, high = np.zeros(3, np.float32), np.minimum(gain, 1.0).astype(np.float32)
    else:
        contrast = rng.uniform(0.15, 1.0)
        low = base * (1 - contrast * rng.uniform(0.5, 0.95))
        high = base + (1 - base) * contrast * rng.uniform(0.05, 0.6)
        if rng.random() < 0.2:
            high = (1 - contrast) * high + contrast * palette_color(rng, hues)
    turn = rng.choice([0.0, 0.0, np.pi / 2, rng.uniform(0, np.pi)])
    if kind in ("facade", "shelf", "photo"):
        turn = 0.0
    return Material(
        kind,
        int(rng.integers(VARIANTS)),
        np.asarray(low, np.float32),
        np.asarray(high, np.float32),
        float(rng.uniform(0.6, 1.6) / unit),
        float(turn),
        (float(rng.random()), float(rng.random())),
    )
