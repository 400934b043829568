"""Outlines of thin things, all edge: branches, fences, nets, lamps, grass, furniture."""

import numpy as np
from numpy.typing import NDArray

from .shapes import Shape
from .textures import Array

_Mask = NDArray[np.bool_]


def _flat(mask: _Mask) -> tuple[_Mask, Array, NDArray[np.int_]]:
    return mask, np.zeros(mask.shape, np.float32), np.zeros(mask.shape, int)


def _segment(u: Array, v: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Distance to the segment from a to b (2 values each), and how far along it, in [0,1]."""
    d = b - a
    t = np.clip(((u - a[0]) * d[0] + (v - a[1]) * d[1]) / max(float(d @ d), 1e-9), 0, 1)
    return np.hypot(u - a[0] - t * d[0], v - a[1] - t * d[1]), t


def branches(rng: np.random.Generator) -> Shape:
    """A bare tree, or twigs: segments that fork and taper."""
    segments: list[tuple[Array, Array, float]] = []
    tips = [
        (
            np.array([0.0, 0.0]),
            np.pi / 2 + rng.normal(0, 0.1),
            rng.uniform(0.25, 0.4),
            rng.uniform(0.015, 0.035),
        )
    ]
    while tips and len(segments) < 26:
        start, angle, length, thick = tips.pop(0)
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        segments.append((start.astype(np.float32), end.astype(np.float32), thick))
        for side in (-1, 1):
            if length > 0.07:
                fork = angle + side * rng.uniform(0.2, 0.7)
                tips.append((end, fork, length * rng.uniform(0.6, 0.85), thick * 0.66))

    def outline(u: Array, v: Array) -> tuple[_Mask, Array, NDArray[np.int_]]:
        mask = np.zeros(u.shape, bool)
        for a, b, thick in segments:
            distance, along = _segment(u, v, a, b)
            mask |= distance < thick * (1 - 0.35 * along)
        return _flat(mask)

    return Shape(outline, (-0.8, 0.8, 0.0, 1.15), ("wood",))


def fence(rng: np.random.Generator) -> Shape:
    """Bars between rails, or pickets."""
    pitch, thick, rail = rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.5), rng.uniform(0.015, 0.04)
    rails, long = rng.uniform(0.1, 0.9, 2), rng.uniform(2, 6)
    pointed = rng.uniform(0, 0.3)

    def outline(u: Array, v: Array) -> tuple[_Mask, Array, NDArray[np.int_]]:
        across = np.abs((u / pitch) % 1.0 - 0.5) * 2
        bars = (across < thick) & (v < 1 - pointed * across)
        mask = bars | (np.abs(v - rails[0]) < rail) | (np.abs(v - rails[1]) < rail)
        return _flat(mask & (v > 0) & (v < 1) & (np.abs(u) < long))

    return Shape(outline, (-long, long, 0.0, 1.0), ("wood",))


def net(rng: np.random.Generator) -> Shape:
    """A wire net or a lattice, slanted or upright."""
    pitch, thick, slant = rng.uniform(0.04, 0.12), rng.uniform(0.08, 0.2), rng.uniform(0, 1)
    long = rng.uniform(1, 4)

    def outline(u: Array, v: Array) -> tuple[_Mask, Array, NDArray[np.int_]]:
        a, b = (u + slant * v) / pitch, (v - slant * u) / pitch
        wire = (a % 1.0 < thick) | (b % 1.0 < thick)
        return _flat(wire & (v > 0) & (v < 1) & (np.abs(u) < long))

    return Shape(outline, (-long, long, 0.0, 1.0), ("thing",))


def lamp(rng: np.random.Generator) -> Shape:
    """A lamp post, a sign on a pole, or a standard lamp."""
    thick, arm = rng.uniform(0.006, 0.02), rng.uniform(-0.25, 0.25)
    wide, tall = rng.uniform(0.04, 0.14), rng.uniform(0.03, 0.12)
    round_head = rng.random() < 0.5

    def outline(u: Array, v: Array) -> tuple[_Mask, Array, NDArray[np.int_]]:
        pole = (np.abs(u) < thick) & (v > 0) & (v < 0.95)
        reach = (np.abs(v - 0.95) < thick) & (u * np.sign(arm) > 0) & (np.abs(u) < abs(arm))
        x, y = (u - arm) / wide, (v - 0.95 + tall * 0.5) / tall
        head = (x * x + y * y < 1) if round_head else (np.maximum(np.abs(x), np.abs(y)) < 1)
        mask = pole | reach | head
        return mask, np.zeros(u.shape, np.float32), np.where(head, 1, 0)

    return Shape(outline, (-0.45, 0.45, 0.0, 1.1), ("thing", "thing"))


def blades(rng: np.random.Generator) -> Shape:
    """Grass, reeds or stalks."""
    roots, tips = rng.uniform(-1.2, 1.2, 28), rng.normal(0, 0.25, 28)
    heights, thick = rng.uniform(0.35, 1.0, 28), rng.uniform(0.008, 0.035)

    def outline(u: Array, v: Array) -> tuple[_Mask, Array, NDArray[np.int_]]:
        mask = np.zeros(u.shape, bool)
        for root, tip, height in zip(roots, tips, heights, strict=True):
            t = v / np.float32(height)
            mask |= (np.abs(u - root - tip * t * t) < thick * (1 - t)) & (t < 1)
        return _flat(mask)

    return Shape(outline, (-1.6, 1.6, -0.3, 1.0), ("leaves",))


def chair(rng: np.random.Generator) -> Shape:
    """A chair or stool from the front: legs, seat, a back with slats."""
    half, leg, seat = rng.uniform(0.2, 0.3), rng.uniform(0.015, 0.03), rng.uniform(0.42, 0.5)
    slats, back = int(rng.integers(0, 6)), rng.random() < 0.8

    def outline(u: Array, v: Array) -> tuple[_Mask, Array, NDArray[np.int_]]:
        side = np.abs(np.abs(u) - half) < leg
        inner = (np.abs(np.abs(u) - half * 0.75) < leg) & (v > 0.06) & (v < seat)
        plate = (np.abs(u) < half + leg) & (np.abs(v - seat) < 0.035)
        mask = (side & (v > 0) & (v < (1.0 if back else seat))) | inner | plate
        if back:
            wide = np.abs(u) < half
            mask |= wide & (v > 0.9) & (v < 1.0)
            mask |= wide & (v > seat) & (v < 1.0) & ((u / half * (slats + 0.5)) % 1.0 < 0.3) & (slats > 0)
            mask |= wide & (v > 0.6) & (v < 0.95) & (slats == 0)
        return _flat(mask)

    return Shape(outline, (-0.36, 0.36, 0.0, 1.0), ("wood",))
