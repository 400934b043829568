"""Cards: outlines stood up in the world facing the camera, at the depth of the ground where they touch it."""

import numpy as np

from .compose import Surface
from .light import Light
from .material import Material, palette_color, random_material
from .shapes import Shape
from .view import NEAR, View


def card_materials(rng: np.random.Generator, shape: Shape, size: float) -> list[Material]:
    """A material for each part of a shape; `size` is its height in metres."""
    made = []
    for name in shape.materials:
        if name == "skin":
            tone = palette_color(rng, "skin") * 0.4 + np.array([0.45, 0.32, 0.25]) * rng.uniform(0.3, 1.3)
            low, high = (tone * 0.9).astype(np.float32), np.minimum(tone * 1.1, 1).astype(np.float32)
            made.append(Material("plain", int(rng.integers(12)), low, high, 1.0 / size))
        elif name == "wood":
            base = palette_color(rng, "wood") * rng.uniform(0.3, 1.1)
            made.append(
                Material("fractal", int(rng.integers(12)), base * 0.5, np.minimum(base * 1.4, 1), 1.5 / size)
            )
        else:
            made.append(random_material(rng, name, 0.5 * size))
    return made


def card(
    view: View,
    light: Light,
    shape: Shape,
    materials: list[Material],
    foot: tuple[float, float, float],
    size: float,
    bulge: float = 0.0,
) -> Surface | None:
    """A shape `size` metres high with its foot at a world point; relief 1 stands `bulge` metres forward.

    Returns:
        The part in the frame, or None.
    """
    column, row, depth = (float(value[0]) for value in view.project(np.array([foot], np.float32)))
    if depth < NEAR * 2:
        return None
    scale = view.focal_px * size / depth
    c, s = float(np.cos(view.roll)), float(np.sin(view.roll))
    left, right, bottom, top = shape.extent
    # An upright thing stays upright in a rolled picture: its up is (−s, −c) there… seen from its foot.
    corners = (
        np.array([(u * c - v * s, -u * s - v * c) for u in (left, right) for v in (bottom, top)]) * scale
    )
    low, high = corners.min(0), corners.max(0)
    window = view.clip(row + low[1], column + low[0], row + high[1], column + high[0])
    if window is None:
        return None
    y = (np.arange(window[0], window[2], dtype=np.float32) + 0.5 - row)[:, None] / np.float32(scale)
    x = (np.arange(window[1], window[3], dtype=np.float32) + 0.5 - column)[None, :] / np.float32(scale)
    u, v = x * c - y * s, -(x * s) - y * c
    mask, relief, part = shape.outline(u, v)
    mask = mask & (u >= left) & (u <= right) & (v >= bottom) & (v <= top)
    if not mask.any():
        return None
    color = np.zeros((*u.shape, 3), np.float32)
    footprint = depth * 1.2 / view.focal_px
    for index, material in enumerate(materials):
        here = mask & (part == index) if len(materials) > 1 else mask
        color[here] = material.sample(u[here] * size, v[here] * size, footprint)
    # Light from the side: the relief's own slope to left and right and up and down.
    dy, dx = np.gradient(relief) if min(relief.shape) > 1 else (np.zeros_like(relief),) * 2
    slope = np.float32(scale * 0.35)
    tilt = (
        -np.clip(dx * slope, -1.2, 1.2) * light.direction[0]
        - np.clip(dy * slope, -1.2, 1.2) * light.direction[1]
    )
    bright = light.ambient + (1 - light.ambient) * np.clip(0.6 + 0.4 * tilt, 0.1, 1.0)
    bright = bright * (0.82 + 0.18 * np.clip(v * 4, 0, 1))
    disparity = np.float32(1) / np.maximum(np.float32(depth) - np.float32(bulge) * relief, np.float32(NEAR))
    color = light.through_air(color * bright[..., None].astype(np.float32), disparity)
    return Surface(window[0], window[1], color, np.asarray(disparity, np.float32), mask)
