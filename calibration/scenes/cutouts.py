"""Cut-outs: silhouettes and cards filled from one photo, held before another.

What they hide is a real photo, with a real photo's edges and textures going on behind: what an inpainting
network has to learn. Their disparity says nothing of what the photos show, so they are no use for depth.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from . import shapes
from .compose import Layers, Surface, compose, full_surface
from .scene import Scene, layers_to_scene
from .stage import PEOPLE, PLANTS, THINGS, TREES
from .textures import Array, bundled_images

MAKERS = (*PEOPLE, *TREES, *PLANTS, *THINGS, shapes.animal, shapes.bust, shapes.blob)

CARD_CHANCE = 0.4
"""Books, boxes, boards and walls have straight edges; so many of the things in front do."""

LARGEST_BLUR = 0.9
"""Deviation in pixels of the lens: real context is mixed with the near surface for a pixel or two."""


def _card(rng: np.random.Generator) -> shapes.Shape:
    """A turned rectangle of any proportions."""
    angle, wide = rng.normal(0, 0.25), float(np.exp(rng.uniform(-2.0, 0.8)))
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))

    def outline(u: Array, v: Array) -> tuple[NDArray[np.bool_], Array, NDArray[np.int_]]:
        across, up = cosine * u + sine * (v - 0.5), cosine * (v - 0.5) - sine * u
        mask = (np.abs(across) < wide / 2) & (np.abs(up) < 0.5)
        return mask, np.zeros_like(u), np.zeros(u.shape, np.int_)

    reach = float(np.hypot(wide, 1)) / 2
    return shapes.Shape(outline, (-reach, reach, 0.5 - reach, 0.5 + reach), ("cloth",))


def _crop(rng: np.random.Generator, pictures: Sequence[Image.Image], height: int, width: int) -> Array:
    """A random part of a random picture, h×w×3, mirrored, lightened and tinted at random."""
    image = pictures[int(rng.integers(len(pictures)))]
    largest = min(image.width / width, image.height / height)
    # A training view is half as wide as the program's frame.
    scale = largest * rng.uniform(0.3, 1.0)
    left = rng.uniform(0, image.width - scale * width)
    top = rng.uniform(0, image.height - scale * height)
    box = (left, top, left + scale * width, top + scale * height)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box), np.float32) / 255
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    tint = rng.uniform(0.7, 1.15) * (1 + rng.normal(0, 0.06, 3))
    return np.clip(pixels * tint.astype(np.float32), 0, 1)


def _plane(rng: np.random.Generator, height: int, width: int, middle: float, tilt: float) -> Array:
    """A slanted plane of disparity, H×W, `middle` in the middle and ±tilt at most at the frame."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    across, down = rng.uniform(-0.5, 0.5, 2) * tilt
    return np.clip(middle + np.float32(across) * x + np.float32(down) * y, 0, 1).astype(np.float32)


def make_cutouts(
    seed: int | list[int],
    height: int,
    width: int,
    *,
    count: int = 3,
    pictures: Sequence[Image.Image] | None = None,
) -> Scene:
    """The cut-outs of a seed: one to six things before a photo, through a slightly soft lens; kind "cutouts".

    Args:
        seed: any non-negative integer or list of them.
        height, width: pixels.
        count: K, how many layers to peel.
        pictures: RGB, that everything is filled from; the bundled photos if not given.
    """
    rng = np.random.default_rng(seed)
    pictures = pictures or bundled_images()
    disparity = float(rng.uniform(0.0, 0.4))
    surfaces = [full_surface(_crop(rng, pictures, height, width), _plane(rng, height, width, disparity, 0.2))]
    for _ in range(int(rng.integers(1, 7))):
        disparity = min(disparity + float(rng.uniform(0.1, 0.6)), 0.95)
        maker = _card if rng.random() < CARD_CHANCE else MAKERS[int(rng.integers(len(MAKERS)))]
        shape = maker(rng)
        size = height * rng.uniform(0.4, 1.3)
        foot_x, foot_y = rng.uniform(0, width), height * rng.uniform(0.6, 1.4)
        u = (np.arange(width, dtype=np.float32)[None, :] - np.float32(foot_x)) / np.float32(size)
        v = (np.float32(foot_y) - np.arange(height, dtype=np.float32)[:, None]) / np.float32(size)
        u, v = np.broadcast_arrays(u, v)
        mask, _, _ = shape.outline(u, v)
        left, right, bottom, top = shape.extent
        mask = mask & (u > left) & (u < right) & (v > bottom) & (v < top)
        plane = _plane(rng, height, width, disparity, 0.08)
        surfaces.append(Surface(0, 0, _crop(rng, pictures, height, width), plane, mask))
    layers: Layers = compose(surfaces, count)
    blur = rng.uniform(0, LARGEST_BLUR)
    layers = replace(layers, color=gaussian_filter(layers.color, (0, blur, blur, 0)))
    return layers_to_scene(layers, layers.color[0], "cutouts")
