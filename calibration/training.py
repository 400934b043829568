"""Training the pocket networks: what `ldikit train` does."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..reference.config import LayeringConfig
from ..reference.errors import InputError
from ..reference.sizes import LANDSCAPE, ProgramSize
from .mixture import Source
from .sources import folder_photos

if TYPE_CHECKING:
    from ..reference.depth.pocket import PocketDepth
    from ..reference.training.state import TrainingConfig

STAGES = ("depth", "inpaint")

Batches = Iterator[dict[str, np.ndarray]]

HELD_OUT_SCENES = 48
"""Procedural scenes, of a seed that training never uses, that a training is measured on as it goes."""

HELD_OUT_SEED = 987_654_321

DEVELOPMENT_PICTURES = 64
"""Pictures of a development folder that are measured; more would cost more than they tell."""


def train_pocket_depth(
    output: Path,
    size: ProgramSize,
    batch: int,
    config: "TrainingConfig",
    sources: Sequence[Source],
    start: Path | None = None,
    development: Path | None = None,
    int8_weights: bool = False,
    overwrite: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """Train pocket depth on a mixture of sources and write its weights.

    Args:
        output: safetensors file to write.
        size: of the views, half the size of the photos that the network is for.
        batch: views a step.
        config: see `TrainingConfig`; its seed is that of the views too.
        sources: of pictures with disparity.
        start: weights to begin from; see `load_start`.
        development: shards that are measured, never learnt from.
        int8_weights: learn nothing new, but weights that int8 holds exactly; see `round_depth`.
        overwrite: replace an existing `output`.
        device: where torch trains, such as "cuda"; see `check_device`.

    Returns:
        The mean of every term of the loss over the last tenth of the steps.

    Raises:
        InputError: output exists or cannot be written, `start` does not fit, a folder holds no shards.
    """
    from ..reference.training.depth import train_depth
    from ..reference.training.int8_weights import round_depth
    from .mixture import mixed_batches
    from .shards import shard_files

    if int8_weights and start is None:
        raise InputError("weights are put on int8 steps at the end of a training: give them with --start")
    folders = [source.folder for source in sources if source.folder is not None]
    for folder in [*folders, *([development] if development is not None else [])]:
        shard_files(folder)

    def batches(step: int) -> Batches:
        return _in_the_background(lambda: mixed_batches(sources, config.seed, batch, size, step))

    evaluate = _evaluation(size, development)
    if int8_weights and start is not None:
        return round_depth(batches, output, config, start, overwrite, evaluate, device)
    return train_depth(batches, output, config, start, overwrite, evaluate, device)


def train_pocket_inpaint(
    output: Path,
    size: ProgramSize,
    batch: int,
    config: "TrainingConfig",
    start: Path | None = None,
    photos: Path | None = None,
    overwrite: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """Train pocket inpainting on scenes and cut-outs and write its weights; see `train_pocket_depth`.

    Args:
        photos: folder of photos that cut-outs are filled from, beside the bundled ones; see `hidden_batches`.
    """
    from ..reference.layering.soft import SoftLayering
    from ..reference.training.inpaint import train_inpaint
    from .hidden import hidden_batches

    if photos is not None:
        folder_photos(photos)
    # The parallax in pixels is that of the program on the phone, whatever the size of the scenes.
    layering = SoftLayering(LayeringConfig(), max(LANDSCAPE.height, LANDSCAPE.width))
    return train_inpaint(
        lambda step: _in_the_background(lambda: hidden_batches(config.seed, batch, size, photos, step)),
        size.height,
        size.width,
        layering,
        output,
        config,
        start,
        overwrite,
        device,
    )


def parse_sources(folders: Sequence[str], scenes: float) -> list[Source]:
    """Read sources written DIR or DIR=SHARE (a share of 1), and add procedural scenes with theirs.

    Raises:
        InputError: a share is not a positive number, or there is nothing to learn from.
    """
    sources = [Source(None, scenes)] if scenes > 0 else []
    for text in folders:
        name, _, share = text.rpartition("=") if "=" in text else (text, "", "1")
        try:
            number = float(share)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise InputError(f"a source is written DIR or DIR=SHARE, such as shards=2.5, got {text!r}")
        sources.append(Source(Path(name), number))
    if not sources:
        raise InputError("nothing to learn from: give --rendered or --photos, or a share of --scenes above 0")
    return sources


def _evaluation(size: ProgramSize, development: Path | None) -> "Callable[[PocketDepth], dict[str, float]]":
    """Return what measures a network on held-out scenes and a development folder."""
    from ..reference.training.measures import measure
    from .augment import plain_view
    from .scenes.scene import make_scene
    from .shards import read_shard, shard_files

    scenes = [
        make_scene([HELD_OUT_SEED, i], size.height, size.width, count=1) for i in range(HELD_OUT_SCENES)
    ]
    views = {"scenes": [(scene.photo, scene.disparity[0]) for scene in scenes]}
    if development is not None:
        pictures = chain.from_iterable(map(read_shard, shard_files(development)))
        views["development"] = [
            plain_view(picture, size.height, size.width) for picture in islice(pictures, DEVELOPMENT_PICTURES)
        ]

    def evaluate(network: "PocketDepth") -> dict[str, float]:
        return {
            f"{name} {key}": value
            for name, held in views.items()
            for key, value in measure(network, held).items()
        }

    return evaluate


def _in_the_background(make: Callable[[], Batches]) -> Batches:
    """Yield batches made by a process of their own, in the order that the seed gives."""
    from torch.utils.data import DataLoader, IterableDataset

    class Made(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Batches:
            return make()

    loader = DataLoader(Made(), batch_size=None, num_workers=1, prefetch_factor=4)
    return ({name: tensor.numpy() for name, tensor in made.items()} for made in loader)
