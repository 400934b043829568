"""Training of `pocket` depth on photos whose disparity is known up to scale and shift."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ..depth.pocket import PocketDepth
from ..devices import training_autocast
from ..errors import InputError
from ..weights.store import load_weights
from .lite0 import lite0_encoder
from .loop import Batch, train
from .losses import aligned_l1, gradient_difference, ranking_loss
from .state import TrainingConfig

# Of the batches, how many show each picture twice, a little changed, so that the network learns to be steady.
STEADY_SHARE = 0.25
# Pixels that the picture may be shifted by there.
LARGEST_SHIFT = 6
# The encoder has seen more photos than training shows it: it learns this much slower than the decoder.
ENCODER_RATE = 0.3
# Of given weights, what stays as it is: edges and textures are the same everywhere, and it saves a quarter.
KEPT = ("stem.", "stages.0.", "stages.1.")


def train_depth(
    batches: Callable[[int], Iterator[Batch]],
    output: Path,
    config: TrainingConfig,
    start: Path | None = None,
    overwrite: bool = False,
    evaluate: Callable[[PocketDepth], dict[str, float]] | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Train the pocket depth network and write its weights.

    Batch normalisation keeps the statistics that it starts with when `start` is given: those of a small batch
    are noise.

    Args:
        batches: called with the step to begin at; gives dicts with `photo` (N, 3, h, w) RGB in [0, 1] and
            `disparity` (N, 1, 1, h, w) in [0, 1], at the size that the network sees
            (`PocketDepth.inner_size`).
        output: safetensors file to write.
        config: see `TrainingConfig`.
        start: weights to begin from (see `load_start`); None begins at random.
        overwrite: replace an existing `output`.
        evaluate: measures the averaged weights now and then; its numbers go to the log.
        device: where it runs; see `check_device`. On a GPU the network computes in bfloat16.

    Returns:
        The mean of every term of the loss over the last tenth of the steps.
    """
    torch.manual_seed(config.seed)
    network = PocketDepth(64, 64)
    known = load_start(network, start) if start is not None else set[str]()
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and f"{name}.running_mean" in known:
            module.eval()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in known or not name.startswith(KEPT))
    trained = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    encoder = [p for name, p in trained if name.startswith(("stem.", "stages."))]
    decoder = [p for name, p in trained if not name.startswith(("stem.", "stages."))]
    rate = ENCODER_RATE if known else 1.0
    groups = [{"params": encoder, "rate": rate}, {"params": decoder, "rate": 1.0}]

    def loss_of(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        photo, truth = batch["photo"], batch["disparity"][:, 0]
        twice = None
        if photo.shape[0] > 1 and float(torch.rand(())) < STEADY_SHARE:
            twice = _Twice(photo, truth)
            photo, truth = twice.photo, twice.truth
        network.look_at(photo.shape[2], photo.shape[3])
        with training_autocast(photo.device):
            prediction = network.at_inner_size(photo.contiguous(memory_format=torch.channels_last))
        prediction = prediction.float()
        one = torch.ones_like(truth)
        terms = {
            "l1": 0.5 * (prediction - truth).abs().mean(),
            "aligned": 0.5 * aligned_l1(prediction, truth),
            "ranking": 0.5 * ranking_loss(prediction, truth),
            "gradient": 2.0 * gradient_difference(prediction, truth, one),
            "edges": 1.0 * gradient_difference(prediction, truth, one, scales=1),
            "steady": prediction.new_zeros(()),
        }
        if twice is not None:
            terms["steady"] = 2.0 * twice.difference(prediction)
        return terms

    return train(network, loss_of, batches, output, config, overwrite, groups, evaluate)


def load_start(network: PocketDepth, path: Path) -> set[str]:
    """Load weights to begin from: of the whole network, or (`.pth`) EfficientNet-Lite0's for its encoder.

    Returns:
        The names of what was loaded.

    Raises:
        InputError: the file is missing or holds weights of another network.
    """
    if path.suffix != ".pth":
        load_weights(network, path)
        return set(network.state_dict())
    weights = lite0_encoder(path)
    wrong = network.load_state_dict(weights, strict=False).unexpected_keys
    if wrong:
        raise InputError(f"{path} holds weights of another network; unexpected: {', '.join(sorted(wrong))}")
    return set(weights)


class _Twice:
    """A batch whose second half shows the pictures of the first shifted, in other light, with noise."""

    def __init__(self, photo: torch.Tensor, truth: torch.Tensor) -> None:
        half = photo.shape[0] // 2
        self.down, self.across = (
            int(value) for value in torch.randint(-LARGEST_SHIFT, LARGEST_SHIFT + 1, (2,))
        )
        # Drawn on the CPU, so that the checkpoint's state gives the same draws on any device.
        light, noise = torch.randn(half, 1, 1, 1), torch.randn(photo[:half].shape)
        changed = _shifted(photo[:half], self.down, self.across) * (1.0 + 0.1 * light.to(photo.device))
        changed = changed + 0.01 * noise.to(photo.device)
        levels = 31.0 if float(torch.rand(())) < 0.3 else 255.0
        changed = (changed.clamp(0.0, 1.0) * levels).round() / levels
        self.photo = torch.cat([photo[:half], changed])
        self.truth = torch.cat([truth[:half], _shifted(truth[:half], self.down, self.across)])

    def difference(self, prediction: torch.Tensor) -> torch.Tensor:
        """Mean absolute difference of the two predictions where both show the same."""
        first, second = prediction.chunk(2)
        inside = (..., *(slice(LARGEST_SHIFT, -LARGEST_SHIFT),) * 2)
        return (first - _shifted(second, -self.down, -self.across))[inside].abs().mean()


def _shifted(plane: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """Move (N, C, H, W) by whole pixels; its edge fills what comes in."""
    height, width = plane.shape[-2:]
    padded = F.pad(plane, (LARGEST_SHIFT,) * 4, mode="replicate")
    top, left = LARGEST_SHIFT - down, LARGEST_SHIFT - across
    return padded[..., top : top + height, left : left + width]
