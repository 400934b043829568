"""Scenes from a seed: a photo, and the exact layered truth of it with all that is hidden."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .compose import Layers, Surface, compose
from .effects import camera, metered
from .kinds import KINDS
from .material import photo_textures
from .textures import Array


@dataclass(frozen=True)
class Scene:
    """A photo and what is truly there, visible or not.

    Layers are sorted front to back at each pixel: layer 0 is visible, layer 1 the next surface behind it, and
    so on to the background. A layer that is not occupied repeats the one in front.

    Attributes:
        photo: 3×H×W float32 in [0,1], what the camera made of the scene.
        clean: 3×H×W float32 in [0,1], the scene without camera effects; equals color[0].
        color: K×3×H×W float32 in [0,1], exposed as the photo is, before its other camera effects.
        disparity: K×1×H×W float32 in [0,1], larger is nearer, non-increasing from layer to layer.
        occupancy: K×1×H×W float32, 0 or 1.
        kind: name of the kind of scene, e.g. "street".
    """

    photo: Array
    clean: Array
    color: Array
    disparity: Array
    occupancy: Array
    kind: str


def _normalised(rng: np.random.Generator, surfaces: list[Surface]) -> list[Surface]:
    """The surfaces with disparity scaled so that what is seen nearly fills [0,1], as networks give it."""
    low = float(surfaces[0].disparity.min())
    background = surfaces[0].disparity
    high = float(background.max())
    for surface in surfaces[1:]:
        if surface.mask.any():
            high = max(high, float(surface.disparity[surface.mask].max()))
    bottom, top = float(rng.uniform(0, 0.06)), float(rng.uniform(0.88, 1.0))
    if high - low < 1e-3 * max(high, 1e-3):
        low, high, bottom, top = low - 1, low + 1, 0.0, 1.0
    gain = np.float32((top - bottom) / (high - low))
    return [
        Surface(
            s.top,
            s.left,
            s.color,
            np.clip((s.disparity - np.float32(low)) * gain + np.float32(bottom), 0, 1),
            s.mask,
        )
        for s in surfaces
    ]


_TRIES = 4


def _covered(layers: Layers) -> bool:
    """Whether one near thing hides all the rest, so that the picture shows no scene."""
    low, high = np.quantile(layers.disparity[0, ::4, ::4], (0.04, 0.96))
    return bool(high - low < 0.08)


def _channels_first(color: Array) -> Array:
    return np.ascontiguousarray(np.clip(np.moveaxis(color, -1, -3), 0, 1), np.float32)


def layers_to_scene(layers: Layers, photo: Array, kind: str) -> Scene:
    """A scene of peeled layers and a photo H×W×3 made from them."""
    color = _channels_first(layers.color)
    return Scene(
        _channels_first(photo),
        color[0],
        color,
        np.ascontiguousarray(layers.disparity[:, None], np.float32),
        layers.occupancy[:, None].astype(np.float32),
        kind,
    )


def make_scene(
    seed: int | list[int],
    height: int,
    width: int,
    *,
    count: int = 3,
    kind: str | None = None,
    effects: bool = True,
    photos: bool = True,
) -> Scene:
    """The scene of a seed: the same seed and size give the same arrays.

    Args:
        seed: any non-negative integer or list of them.
        height, width: of the photo, pixels, at least 16 each.
        count: K, how many layers to peel.
        kind: one of `KINDS`; drawn by its share if not given.
        effects: false leaves the camera effects out, so that the photo equals layer 0.
        photos: false leaves crops of the bundled photos out of the textures, so that the scene shows nothing
            of what the bundled photos may have to verify; it is another scene then.

    Raises:
        ValueError: the size is too small, or the kind is unknown.
    """
    if height < 16 or width < 16:
        raise ValueError(f"make_scene: got {height}x{width}, a scene needs at least 16x16 pixels")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"make_scene: unknown kind {kind!r}, use one of {', '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    names, shares = list(KINDS), np.array([share for _, share in KINDS.values()])
    drawn = str(rng.choice(names, p=shares / shares.sum()))
    kind = kind or drawn
    for _ in range(_TRIES):
        with photo_textures(photos):
            stage = KINDS[kind][0](rng, (height, width))
        layers = compose(_normalised(rng, [stage.backdrop.surface(stage.light), *stage.surfaces]), count)
        if kind == "wall" or not _covered(layers):
            break
    layers = metered(rng, layers)
    photo = camera(rng, layers) if effects else layers.color[0]
    return layers_to_scene(layers, photo, kind)


def scene_batches(
    seed: int, batch: int, height: int, width: int, *, count: int = 3, start: int = 0, step: int = 1
) -> Iterator[dict[str, Array]]:
    """Endless batches of scenes for training.

    Args:
        seed: of the stream; scene i of it is `make_scene([seed, i], …)`.
        batch: scenes a batch, B.
        start, step: a worker takes batches start, start + step, …, so that several share one stream.

    Yields:
        photo B×3×H×W, color B×K×3×H×W, disparity B×K×1×H×W, occupancy B×K×1×H×W, all float32.
    """
    index = start
    while True:
        scenes = [make_scene([seed, index * batch + i], height, width, count=count) for i in range(batch)]
        yield {
            name: np.stack([getattr(scene, name) for scene in scenes])
            for name in ("photo", "color", "disparity", "occupancy")
        }
        index += step
