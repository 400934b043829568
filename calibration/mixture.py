"""What a training of depth sees: views of pictures drawn from several sources by their shares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..reference.sizes import ProgramSize
from .augment import view
from .shards import Picture, read_shard, shard_files

POOL = 300
"""Pictures of a source that wait to be drawn, so that neighbours of a file do not meet in a batch."""

SCENE_USES = 4
"""Views of a procedural scene before another takes its place: drawing one costs half of learning from it."""

SCENE_DETAIL = 1.25
"""Scenes are drawn so much larger than the views of them, for the crops."""

_PORTRAIT_CHANCE = 0.35


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes:
        folder: of shards; None: procedural scenes.
        share: of the views, relative to the other sources' shares.
    """

    folder: Path | None
    share: float


def mixed_batches(
    sources: Sequence[Source], seed: int, batch: int, size: ProgramSize, start: int = 0
) -> Iterator[dict[str, np.ndarray]]:
    """Yield endless batches of views, landscape or portrait, the same from the same seed and files.

    Args:
        sources: at least one.
        seed: of the views, the order and the scenes.
        batch: views a batch.
        size: of the landscape views; portrait ones are turned.
        start: how many batches an earlier part of the training has had; the stream goes on differently drawn.

    Yields:
        photo B×3×H×W and disparity B×1×1×H×W, float32 in [0, 1].
    """
    rng = np.random.default_rng([seed, start])
    pools = [_pool(rng, source, seed, size, start) for source in sources]
    shares = np.array([source.share for source in sources], float)
    shares /= shares.sum()
    while True:
        height, width = size.height, size.width
        if rng.random() < _PORTRAIT_CHANCE:
            height, width = width, height
        views = [
            view(rng, next(pools[index]), height, width)
            for index in rng.choice(len(pools), size=batch, p=shares)
        ]
        yield {
            "photo": np.stack([color for color, _ in views]),
            "disparity": np.stack([disparity[None] for _, disparity in views]),
        }


def _pool(
    rng: np.random.Generator, source: Source, seed: int, size: ProgramSize, start: int
) -> Iterator[Picture]:
    """Yield a source's pictures well mixed."""
    if source.folder is None:
        pictures, uses = _scenes(seed, size, start), SCENE_USES
    else:
        pictures, uses = _shards(rng, source.folder), 1
    # It fills as it is drawn from: a training starts at once.
    pool: list[Picture] = []
    drawn = 0
    while True:
        if drawn % uses == 0:
            if len(pool) < POOL:
                pool.append(next(pictures))
            else:
                pool[int(rng.integers(POOL))] = next(pictures)
        drawn += 1
        yield pool[int(rng.integers(len(pool)))]


def _shards(rng: np.random.Generator, folder: Path) -> Iterator[Picture]:
    while True:
        # Listed anew each time: shards may still be arriving.
        for path in rng.permutation(np.array([str(path) for path in shard_files(folder)])):
            pictures = read_shard(Path(str(path)))
            for index in rng.permutation(len(pictures)):
                yield pictures[index]


def _scenes(seed: int, size: ProgramSize, start: int) -> Iterator[Picture]:
    from .scenes.scene import make_scene

    sides = [round(side * SCENE_DETAIL) for side in (size.height, size.width)]
    index = 0
    while True:
        height, width = sides if index % 4 else sides[::-1]
        scene = make_scene([seed, start, index], height, width, count=2)
        photo = np.round(np.moveaxis(scene.photo, 0, -1) * 255).astype(np.uint8)
        yield photo, scene.disparity[0, 0]
        index += 1
