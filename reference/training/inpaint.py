"""Training of `pocket` inpainting on scenes whose hidden surfaces are known exactly.

The masks are those the program itself makes: the layering is run on the visible surface's true disparity.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.nn import functional as F

from ..devices import training_autocast
from ..inpaint.pocket import PocketInpaint
from ..layering.soft import SoftLayering
from ..weights.store import load_weights
from .loop import Batch, train
from .losses import gradient_difference, weighted_mean
from .state import TrainingConfig

# A hidden truth this far before the envelope is something the layering cannot have meant (a part of the near
# surface itself): not supervised.
TOLERANCE = 0.02


def train_inpaint(
    batches: Callable[[int], Iterator[Batch]],
    height: int,
    width: int,
    layering: SoftLayering,
    output: Path,
    config: TrainingConfig,
    start: Path | None = None,
    overwrite: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """Train the pocket inpainting network and write its weights.

    Args:
        batches: called with the step to begin at; gives dicts with `color` (N, K, 3, H, W), `disparity` and
            `occupancy` (N, K, 1, H, W), K ≥ 2: the surfaces at every pixel front to back, hidden ones
            included.
        height, width: of the batches.
        layering: whose gaps are painted.
        output: safetensors file to write.
        config: see `TrainingConfig`.
        start: weights to begin from; None begins at the push-pull fill.
        overwrite: replace an existing `output`.
        device: where it runs; see `check_device`. On a GPU the network computes in bfloat16.

    Returns:
        The mean of every term of the loss over the last tenth of the steps.
    """
    torch.manual_seed(config.seed)
    network = PocketInpaint(height, width)
    if start is not None:
        load_weights(network, start)
    network.to(device)

    def loss_of(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        visible = batch["disparity"][:, 0]
        with torch.no_grad():
            # Half of the scenes with the soft edges that depth networks give, half with sharp ones.
            soft = F.avg_pool2d(F.pad(visible, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
            drawn = torch.rand(visible.shape[0], 1, 1, 1) < 0.5
            visible = torch.where(drawn.to(visible.device), soft, visible)
            gap = layering(visible)
            truth_color, truth_disparity = batch["color"][:, 1], batch["disparity"][:, 1]
            weight = gap.occupancy * batch["occupancy"][:, 1] * (truth_disparity <= gap.envelope + TOLERANCE)
        with training_autocast(visible.device):
            color, disparity = network(batch["color"][:, 0], gap)
        color, disparity = color.float(), disparity.float()
        return {
            "color": 2.0 * weighted_mean((color - truth_color).abs(), weight),
            "square": 8.0 * weighted_mean((color - truth_color).square(), weight),
            "gradient": 1.0 * gradient_difference(color, truth_color, weight, scales=3),
            "disparity": 2.0 * weighted_mean((disparity - truth_disparity).abs(), weight),
        }

    return train(network, loss_of, batches, output, config, overwrite)
