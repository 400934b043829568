"""Cut-outs: silhouettes filled from one bundled photo, held before another.

What they hide is a real photo, with a real photo's edges and textures going on behind: what an inpainting
network has to learn. Their disparity says nothing of what the photos show, so they are no use for depth.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from . import shapes
from .compose import Layers, Surface, compose, full_surface
from .scene import Scene, layers_to_scene
from .stage import PEOPLE, PLANTS, THINGS, TREES
from .textures import Array, bundled_images

MAKERS = (*PEOPLE, *TREES, *PLANTS, *THINGS, shapes.animal, shapes.bust, shapes.blob)


def _crop(rng: np.random.Generator, height: int, width: int) -> Array:
    """A random part of a random bundled photo, h×w×3, mirrored, lightened and tinted at random."""
    images = bundled_images()
    image = images[int(rng.integers(len(images)))]
    largest = min(image.width / width, image.height / height)
    scale = largest * rng.uniform(0.4, 1.0)
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


def make_cutouts(seed: int | list[int], height: int, width: int, *, count: int = 3) -> Scene:
    """The cut-outs of a seed: one to four silhouettes before a photo; kind "cutouts".

    Args:
        seed: any non-negative integer or list of them.
        height, width: pixels.
        count: K, how many layers to peel.
    """
    rng = np.random.default_rng(seed)
    disparity = float(rng.uniform(0.05, 0.4))
    surfaces = [full_surface(_crop(rng, height, width), _plane(rng, height, width, disparity, 0.2))]
    for _ in range(int(rng.integers(1, 5))):
        disparity = min(disparity + float(rng.uniform(0.12, 0.4)), 0.95)
        shape = MAKERS[int(rng.integers(len(MAKERS)))](rng)
        size = height * rng.uniform(0.4, 1.3)
        foot_x, foot_y = rng.uniform(0, width), height * rng.uniform(0.6, 1.4)
        u = (np.arange(width, dtype=np.float32)[None, :] - np.float32(foot_x)) / np.float32(size)
        v = (np.float32(foot_y) - np.arange(height, dtype=np.float32)[:, None]) / np.float32(size)
        u, v = np.broadcast_arrays(u, v)
        mask, _, _ = shape.outline(u, v)
        left, right, bottom, top = shape.extent
        mask = mask & (u > left) & (u < right) & (v > bottom) & (v < top)
        plane = _plane(rng, height, width, disparity, 0.08)
        surfaces.append(Surface(0, 0, _crop(rng, height, width), plane, mask))
    layers: Layers = compose(surfaces, count)
    return layers_to_scene(layers, layers.color[0], "cutouts")


def cutout_batches(
    seed: int, batch: int, height: int, width: int, *, count: int = 3
) -> Iterator[dict[str, Array]]:
    """Endless batches of cut-outs, as `scene_batches` gives scenes; i is `make_cutouts([seed, i], …)`."""
    index = 0
    while True:
        scenes = [make_cutouts([seed, index * batch + i], height, width, count=count) for i in range(batch)]
        yield {
            name: np.stack([getattr(scene, name) for scene in scenes])
            for name in ("photo", "color", "disparity", "occupancy")
        }
        index += 1
