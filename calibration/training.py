"""Training the pocket networks on procedural scenes: what `ldikit train` does."""

from pathlib import Path

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
    """Train one pocket network on procedural scenes and write its weights.

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
    from .scenes.scene import scene_batches

    config = TrainingConfig(steps=steps, learning_rate=learning_rate, seed=seed)
    batches = scene_batches(seed, batch, size.height, size.width)
    if stage == "depth":
        return train_depth(batches, size.height, size.width, output, config, start, overwrite)
    # The parallax in pixels is that of the program on the phone, whatever the size of the scenes.
    layering = SoftLayering(LayeringConfig(), max(LANDSCAPE.height, LANDSCAPE.width))
    return train_inpaint(batches, size.height, size.width, layering, output, config, start, overwrite)
