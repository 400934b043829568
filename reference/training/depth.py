"""Training of `pocket` depth on scenes whose disparity is known exactly."""

from collections.abc import Iterator
from pathlib import Path

import torch

from ..depth.pocket import PocketDepth
from ..weights.store import load_weights
from .loop import Batch, TrainingConfig, train
from .losses import aligned_l1, gradient_difference


def train_depth(
    batches: Iterator[Batch],
    height: int,
    width: int,
    output: Path,
    config: TrainingConfig,
    start: Path | None = None,
    overwrite: bool = False,
) -> dict[str, float]:
    """Train the pocket depth network and write its weights.

    Args:
        batches: dicts with `photo` (N, 3, H, W) RGB in [0, 1] and `disparity` (N, K, 1, H, W) in [0, 1],
            whose first layer is what the photo shows.
        height, width: of the batches; the network is trained for photos of twice that size.
        output: safetensors file to write.
        config: see `TrainingConfig`.
        start: weights to begin from; None begins at random.
        overwrite: replace an existing `output`.

    Returns:
        The mean of every term of the loss over the last tenth of the steps.
    """
    torch.manual_seed(config.seed)
    network = PocketDepth(2 * height, 2 * width)
    if start is not None:
        load_weights(network, start)

    def loss_of(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        photo, truth = batch["photo"], batch["disparity"][:, 0]
        flip = torch.rand(photo.shape[0]) < 0.5
        photo = torch.where(flip.view(-1, 1, 1, 1), photo.flip(-1), photo)
        truth = torch.where(flip.view(-1, 1, 1, 1), truth.flip(-1), truth)
        prediction = network.at_half_size(photo)
        return {
            "l1": (prediction - truth).abs().mean(),
            "aligned": 0.5 * aligned_l1(prediction, truth),
            "gradient": 2.0 * gradient_difference(prediction, truth, torch.ones_like(truth)),
        }

    return train(network, loss_of, batches, output, config, overwrite)
