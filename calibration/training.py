"""Training the pocket networks on procedural scenes and cut-outs: what `ldikit train` does."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from ..reference.config import LayeringConfig
from ..reference.errors import InputError
from ..reference.sizes import LANDSCAPE, ProgramSize

STAGES = ("depth", "inpaint")


def train_pocket(
    stage: str,
    output: Path,
    size: ProgramSize,
    steps: int,
    batch: int,
    learning_rate: float,
    seed: int,
    start: Path | None = None,
    overwrite: bool = False,
) -> dict[str, float]:
    """Train one pocket network on procedural scenes (inpainting: and cut-outs) and write its weights.

    Args:
        stage: "depth" or "inpaint".
        output: safetensors file to write.
        size: of the scenes.
        steps, batch, learning_rate: see `TrainingConfig`; `batch` scenes a step.
        seed: of the scenes and of the first weights.
        start: weights to begin from.
        overwrite: replace an existing `output`.

    Returns:
        The mean of every term of the loss over the last tenth of the steps.

    Raises:
        InputError: unknown stage, output exists or cannot be written, `start` does not fit.
    """
    if stage not in STAGES:
        raise InputError(f"unknown network to train {stage!r}: one of {', '.join(STAGES)}")
    from ..reference.layering.soft import SoftLayering
    from ..reference.training.depth import train_depth
    from ..reference.training.inpaint import train_inpaint
    from ..reference.training.loop import TrainingConfig

    config = TrainingConfig(steps=steps, learning_rate=learning_rate, seed=seed)
    batches = _in_the_background(stage, seed, batch, size)
    if stage == "depth":
        return train_depth(batches, size.height, size.width, output, config, start, overwrite)
    # The parallax in pixels is that of the program on the phone, whatever the size of the scenes.
    layering = SoftLayering(LayeringConfig(), max(LANDSCAPE.height, LANDSCAPE.width))
    return train_inpaint(batches, size.height, size.width, layering, output, config, start, overwrite)


def _batches(stage: str, seed: int, batch: int, size: ProgramSize) -> Iterator[dict[str, np.ndarray]]:
    """Scenes for depth; for inpainting scenes and cut-outs in turn, whose hidden part is a real photo."""
    from .scenes.cutouts import cutout_batches
    from .scenes.scene import scene_batches

    scenes = scene_batches(seed, batch, size.height, size.width)
    if stage == "depth":
        return scenes
    cutouts = cutout_batches(seed, batch, size.height, size.width)
    return chain.from_iterable(zip(scenes, cutouts, strict=True))


def _in_the_background(
    stage: str, seed: int, batch: int, size: ProgramSize
) -> Iterator[dict[str, np.ndarray]]:
    """Yield batches made by a process of their own, in the order that the seed gives."""
    from torch.utils.data import DataLoader, IterableDataset

    class Batches(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
            return _batches(stage, seed, batch, size)

    loader = DataLoader(Batches(), batch_size=None, num_workers=1, prefetch_factor=4)
    return ({name: tensor.numpy() for name, tensor in made.items()} for made in loader)
