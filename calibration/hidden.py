"""What a training of inpainting sees: windows of scenes and cut-outs in which something is torn.

Scenes are drawn once and looked at several times, each time another window, mirrored, in other colours:
drawing one takes longer than learning from a window of it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..reference.errors import InputError
from ..reference.photo.decode import read_photo
from ..reference.sizes import ProgramSize
from .scenes.cutouts import make_cutouts
from .scenes.scene import Scene, make_scene
from .scenes.textures import bundled_images
from .sources import folder_photos

SCENE_SHARE = 0.2
"""Of procedural scenes; the others are cut-outs, whose hidden part is a real photo."""

USES = 10
"""Windows of a scene before another takes its place."""

POOL = 300
"""Scenes that wait to be looked at, so that windows of one do not meet in a batch."""

LARGER = 1.5
"""Scenes are so much larger than the windows."""

TORN = 0.06
"""A step of disparity between neighbours that counts as a tear when windows are chosen."""

LONG_SIDE = 1024
"""Photos are kept at this long side at most, in pixels."""

_LOOKS = 3
_FEWEST_TORN = 40


def pictures_of(folder: Path | None) -> list[Image.Image]:
    """Return the bundled photos and those of a folder, RGB; a file that cannot be read is left out.

    Raises:
        InputError: see `folder_photos`; or not one photo of the folder could be read.
    """
    pictures = list(bundled_images())
    if folder is None:
        return pictures
    unread = []
    for path in folder_photos(folder):
        try:
            picture = Image.fromarray(read_photo(path).pixels)
        except InputError as error:
            unread.append(f"{path.name}: {error}")
            continue
        picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        pictures.append(picture)
    if len(pictures) == len(bundled_images()):
        raise InputError(
            f"none of the {len(unread)} photos in {folder} could be read, the first: {unread[0]}"
        )
    return pictures


def hidden_batches(
    seed: int, batch: int, size: ProgramSize, photos: Path | None = None, start: int = 0
) -> Iterator[dict[str, np.ndarray]]:
    """Yield endless batches of windows, the same from the same seed and photos.

    Args:
        seed: of the windows and the scenes.
        batch: windows a batch.
        size: of the windows.
        photos: folder of photos that cut-outs are filled from, beside the bundled ones.
        start: how many batches an earlier part of the training has had; the stream goes on differently drawn.

    Yields:
        color B×2×3×H×W, disparity and occupancy B×2×1×H×W, float32: the visible and the first hidden surface.
    """
    rng = np.random.default_rng([seed, start])
    scenes = _scenes(rng, [seed, start], size, pictures_of(photos))
    # It fills as it is drawn from: a training starts at once.
    pool: list[Scene] = []
    looks = 0
    while True:
        windows: list[tuple[np.ndarray, ...]] = []
        while len(windows) < batch:
            if looks % USES == 0:
                if len(pool) < POOL:
                    pool.append(next(scenes))
                else:
                    pool[int(rng.integers(POOL))] = next(scenes)
            looks += 1
            found = window(rng, pool[int(rng.integers(len(pool)))], size.height, size.width)
            if found is not None:
                windows.append(found)
        color, disparity, occupancy = (np.stack(planes) for planes in zip(*windows, strict=True))
        yield {"color": color, "disparity": disparity, "occupancy": occupancy}


def window(
    rng: np.random.Generator, scene: Scene, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return colour, disparity and occupancy of the most torn of three windows; None if little is torn."""
    torn = np.abs(np.diff(scene.disparity[0, 0], axis=1)) > TORN
    best = (_FEWEST_TORN - 1, 0, 0)
    for _ in range(_LOOKS):
        top = int(rng.integers(torn.shape[0] - height + 1))
        left = int(rng.integers(torn.shape[1] + 1 - width + 1))
        best = max(best, (int(torn[top : top + height, left : left + width].sum()), top, left))
    count, top, left = best
    if count < _FEWEST_TORN:
        return None
    planes = [
        plane[:2, :, top : top + height, left : left + width]
        for plane in (scene.color, scene.disparity, scene.occupancy)
    ]
    if rng.random() < 0.5:
        planes = [plane[..., ::-1] for plane in planes]
    if rng.random() < 0.2:
        planes = [plane[..., ::-1, :] for plane in planes]
    if rng.random() < 0.5:
        planes[0] = planes[0][:, rng.permutation(3)]
    return planes[0], planes[1], planes[2]


def _scenes(
    rng: np.random.Generator, seed: list[int], size: ProgramSize, pictures: list[Image.Image]
) -> Iterator[Scene]:
    height, width = round(size.height * LARGER), round(size.width * LARGER)
    index = 0
    while True:
        if rng.random() < SCENE_SHARE:
            yield make_scene([*seed, index], height, width, count=2)
        else:
            yield make_cutouts([*seed, index], height, width, count=2, pictures=pictures)
        index += 1
