"""Outlines of upright things: people, trees, animals, fences, plants, and heads and shoulders.

An outline maps coordinates u (right) and v (up), in units of the thing's height with its foot at (0, 0), to
where it is (mask), how far it bulges towards the camera (relief, [0,1]) and which of its materials it shows
(part).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .textures import SIZE, Array, noise

Outline = Callable[[Array, Array], tuple[NDArray[np.bool_], Array, NDArray[np.int_]]]


@dataclass(frozen=True)
class Shape:
    """An outline and what it is made of.

    Attributes:
        outline: see the module.
        extent: left, right, bottom, top of a rectangle that holds it, in units of its height.
        materials: group or hue name of each part, e.g. ("skin", "cloth").
    """

    outline: Outline
    extent: tuple[float, float, float, float]
    materials: tuple[str, ...]


def _rough(index: int, u: Array, v: Array, scale: float, beta: float = 1.3) -> Array:
    """Noise of deviation 1 at u, v; `scale` tiles per unit."""
    field = noise(index % 24, beta)
    x = (np.floor(u * np.float32(scale * SIZE))).astype(np.int32) & (SIZE - 1)
    y = (np.floor(v * np.float32(scale * SIZE))).astype(np.int32) & (SIZE - 1)
    return field[y, x]


def _dome(squared: Array) -> Array:
    """Height of a round bulge over its middle, from the squared distance (1 at the rim)."""
    return np.sqrt(np.clip(1 - squared, 0, 1))


def person(rng: np.random.Generator) -> Shape:
    """Someone standing: head, arms and trunk, two legs."""
    lean, gap, broad = rng.normal(0, 0.03), rng.uniform(0.0, 0.07), rng.uniform(0.8, 1.25)
    skirt = rng.random() < 0.25
    heights = np.array([0.0, 0.05, 0.25, 0.46, 0.5, 0.62, 0.72, 0.8, 0.825, 0.84, 0.86])
    halves = np.array([0.07, 0.05, 0.07, 0.085, 0.13, 0.12, 0.125, 0.12, 0.07, 0.03, 0.03]) * broad
    if skirt:
        halves[1:4] = np.array([0.06, 0.13, 0.11]) * broad
    collar, belt = rng.uniform(0.8, 0.83), rng.uniform(0.42, 0.52)
    step = rng.uniform(-0.05, 0.08)

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        u = u - np.float32(lean) * v
        half = np.interp(v, heights, halves).astype(np.float32) + np.float32(step) * np.clip(0.3 - v, 0, 1)
        body = (np.abs(u) < half) & (v > 0) & (v < 0.86)
        body &= (np.abs(u) > gap * np.clip(1 - v / 0.45, 0, 1) ** 0.7) | (v > 0.45) | skirt
        squared = (u / 0.055) ** 2 + ((v - 0.92) / 0.078) ** 2
        head = squared < 1
        relief = np.where(head, 0.8 * _dome(squared), _dome((u / np.maximum(half, 1e-3)) ** 2))
        part = np.where(v < 0.04, 3, np.where(v < belt, 2, np.where(v < collar, 1, 0)))
        return body | head, relief, np.where(head & (v > 0.945 - np.abs(u) * 0.5), 3, part)

    return Shape(outline, (-0.25, 0.25, 0.0, 1.0), ("skin", "cloth", "cloth", "thing"))


def bust(rng: np.random.Generator) -> Shape:
    """Head and shoulders of someone near: hair, face, clothes."""
    index, long_hair = int(rng.integers(24)), rng.uniform(-0.2, 0.32)
    wide, turn, shoulder = rng.uniform(0.17, 0.21), rng.uniform(-0.05, 0.05), rng.uniform(0.42, 0.6)

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        face = ((u - turn * 0.5) / wide) ** 2 + ((v - 0.68) / 0.25) ** 2
        rough = 0.03 * _rough(index, u, v, 0.8)
        hair = ((u / (wide + 0.06)) ** 2 + ((v - 0.72) / 0.28) ** 2 + 3 * rough < 1) | (
            (np.abs(u) < wide + 0.05 + rough) & (v < 0.7) & (v > 0.66 - long_hair)
        )
        neck = (np.abs(u) < 0.1) & (v > 0.2) & (v < 0.6)
        slope = np.float32(shoulder) * np.sqrt(np.clip((0.42 - v) / 0.2, 0, 1))
        body = (np.abs(u) < slope) & (v < 0.42)
        is_face = (face < 1) & (v < 0.82 + 0.6 * rough - 2 * (u - turn) ** 2)
        part = np.where(is_face | (neck & ~body), 0, np.where(body & (v < 0.38), 2, 1))
        dome = np.where(
            is_face, 0.6 + 0.4 * _dome(face), np.where(body, 0.7 * _dome((u / shoulder) ** 2), 0.4)
        )
        return is_face | hair | neck | body, dome.astype(np.float32), part

    return Shape(outline, (-0.75, 0.75, -1.5, 1.05), ("skin", "wood", "cloth"))


def tree(rng: np.random.Generator) -> Shape:
    """A leafy tree: a trunk and a ragged crown that shows the sky through its holes."""
    index, trunk, low = int(rng.integers(24)), rng.uniform(0.02, 0.05), rng.uniform(0.2, 0.45)
    broad, ragged, sway = rng.uniform(0.25, 0.45), rng.uniform(0.15, 0.45), rng.normal(0, 0.06)
    middle, tall = (low + 1) / 2, (1 - low) / 2 * 1.05

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        bole = (np.abs(u - sway * v * (1 - v)) < trunk * (1.25 - v)) & (v > 0) & (v < middle)
        squared = (u / broad) ** 2 + ((v - middle) / tall) ** 2
        crown = squared + ragged * _rough(index, u, v, 0.7, 1.5) < 0.8
        relief = np.where(crown, 0.5 * _dome(squared) + 0.15 * _rough(index + 1, u, v, 0.9), 0.3)
        return bole | crown, np.clip(relief, 0, 1).astype(np.float32), np.where(crown, 0, 1)

    return Shape(outline, (-0.6, 0.6, 0.0, 1.1), ("leaves", "wood"))


def conifer(rng: np.random.Generator) -> Shape:
    """A fir or a cypress."""
    index, broad, tiers = int(rng.integers(24)), rng.uniform(0.08, 0.28), int(rng.integers(4, 10))

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        saw = 0.75 + 0.25 * (1 - (v * tiers) % 1.0)
        half = broad * np.clip(1 - v, 0, 1) * saw * (1 + 0.25 * _rough(index, u, v, 1.5, 0.7))
        crown = (np.abs(u) < half) & (v > 0.08)
        bole = (np.abs(u) < 0.02) & (v > 0) & (v <= 0.12)
        relief = 0.4 * _dome((u / np.maximum(half, 1e-3)) ** 2)
        return crown | bole, relief.astype(np.float32), np.where(crown, 0, 1)

    return Shape(outline, (-0.5, 0.5, 0.0, 1.0), ("leaves", "wood"))


def bush(rng: np.random.Generator) -> Shape:
    """A bush, a rock or a heap: a ragged mound."""
    index, broad, ragged = int(rng.integers(24)), rng.uniform(0.5, 1.3), rng.uniform(0.03, 0.25)
    group = str(rng.choice(["leaves", "leaves", "nature", "thing"]))

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        squared = (u / broad) ** 2 + np.maximum(v, 0) ** 2
        mask = (squared + ragged * _rough(index, u, v, 0.4) < 0.9) & (v > 0)
        return mask, 0.8 * _dome(squared), np.zeros(u.shape, int)

    return Shape(outline, (-1.5, 1.5, 0.0, 1.15), (group,))


def animal(rng: np.random.Generator) -> Shape:
    """A four-legged animal from the side."""
    long, leg, facing = rng.uniform(0.45, 0.7), rng.uniform(0.025, 0.06), float(rng.choice([-1.0, 1.0]))
    head_high, stride = rng.uniform(0.7, 0.95), rng.uniform(-0.1, 0.1)

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        u = u * np.float32(facing)
        body = (u / long) ** 2 + ((v - 0.58) / 0.2) ** 2
        head = ((u - long * 1.08) / 0.17) ** 2 + ((v - head_high) / 0.11) ** 2
        along = np.clip((u - long * 0.55) / (long * 0.5), 0, 1)
        neck = (np.abs(v - 0.62 - (head_high - 0.62) * along) < 0.1) & (u > long * 0.5) & (u < long * 1.1)
        legs = np.zeros(u.shape, bool)
        for place, swing in ((-0.8, 1), (-0.6, -1), (0.6, 1), (0.8, -1)):
            legs |= np.abs(u - long * place - swing * stride * (0.55 - v)) < leg
        legs &= (v > 0) & (v < 0.6)
        tail = (np.abs(v - 0.62 + 0.9 * (u + long) ** 2 * 4) < 0.025) & (u < -long * 0.9) & (u > -long * 1.35)
        relief = np.maximum(_dome(body), 0.8 * _dome(head))
        return (body < 1) | (head < 1) | neck | legs | tail, relief, np.zeros(u.shape, int)

    return Shape(outline, (-1.1, 1.1, 0.0, 1.1), ("wood",))


def blob(rng: np.random.Generator) -> Shape:
    """Any compact thing: a rounded, dented outline with a bulge."""
    phases, count = rng.uniform(0, 2 * np.pi, 4), rng.integers(2, 6, 4)
    amounts = rng.uniform(0, 0.12, 4)
    broad, bulge = rng.uniform(0.5, 1.6), rng.uniform(0, 1)

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        x, y = u / np.float32(broad * 0.5), (v - np.float32(0.5)) * 2
        angle = np.arctan2(y, x)
        reach = (
            1
            - amounts.sum()
            + sum(a * np.cos(c * angle + p) for a, c, p in zip(amounts, count, phases, strict=True))
        )
        squared = (x * x + y * y) / np.maximum(reach, 0.2) ** 2
        return squared < 1, (bulge * _dome(squared)).astype(np.float32), np.zeros(u.shape, int)

    return Shape(outline, (-0.5 * broad, 0.5 * broad, 0.0, 1.0), ("thing",))


def flower(rng: np.random.Generator) -> Shape:
    """A blossom on a stalk."""
    petals, deep, size = int(rng.integers(5, 16)), rng.uniform(0.1, 0.4), rng.uniform(0.2, 0.38)
    bend = rng.normal(0, 0.15)

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        x, y = (u - np.float32(bend)) / np.float32(size), (v - (1 - size)) / np.float32(size)
        far = np.sqrt(x * x + y * y)
        reach = 1 - deep + deep * np.abs(np.cos(0.5 * petals * np.arctan2(y, x)))
        bloom = far < reach
        stalk = (np.abs(u - bend * np.clip(v, 0, 1) ** 2) < 0.018) & (v < 1 - size)
        leaf = ((np.abs(u - 0.1) - 0.03) / 0.12) ** 2 + ((v - 0.3 - 0.8 * np.abs(u)) / 0.05) ** 2 < 1
        part = np.where(far < 0.28, 1, np.where(bloom, 0, 2))
        relief = np.where(bloom, 0.7 - 0.5 * far + 0.3 * (far < 0.28), 0.1)
        return bloom | stalk | leaf, np.clip(relief, 0, 1).astype(np.float32), part

    return Shape(outline, (-0.75, 0.75, -0.6, 1.02), ("thing", "wood", "leaves"))
