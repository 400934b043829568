"""The end of a training: weights that int8 and half precision both hold exactly.

A network whose weights lie on int8 steps is the same network in float and with int8 weights, so that this
rounding costs no parity: what it costs is paid once, in the training, where it can be learnt away. The steps
have few digits, so that every weight is a number of half precision too.
"""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_weights, parametrize

from ..depth.pocket import PocketDepth
from ..quantized.recipe import INT8_MAX
from ..weights.store import load_weights
from .loop import Batch, train
from .losses import gradient_difference
from .state import TrainingConfig

DIGITS = 4
"""Binary digits of a step: with the seven of a weight they are the eleven of half precision."""

BIAS_RATE = 0.25
"""Of the learning rate, which is in steps; biases are in the units of what they are added to."""


def round_depth(
    batches: Callable[[int], Iterator[Batch]],
    output: Path,
    config: TrainingConfig,
    start: Path,
    overwrite: bool = False,
    evaluate: Callable[[PocketDepth], dict[str, float]] | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Put a trained depth network on int8 steps, and train it to give what it gave before.

    Its batch normalisations become part of the convolutions first. Which of the two nearest steps a weight
    takes is learnt straight through the rounding (Bengio et al., arXiv 1308.3432; the scales stay as they
    are, and so does each channel's largest weight, by which calibration finds them). The last layer, which
    int8 leaves float, and all biases are rounded to half precision.

    Args:
        batches: as for `train_depth`; their disparity is not looked at.
        output: safetensors file to write; kernels in half precision.
        config: see `TrainingConfig`; the learning rate is in steps.
        start: weights of the whole network.
        overwrite: replace an existing `output`.
        evaluate: see `train_depth`.
        device: where it runs, in single precision; see `check_device`.

    Returns:
        The mean of every term of the loss over the last tenth of the steps.

    Raises:
        InputError: `start` does not fit; see `train` for the rest.
    """
    torch.manual_seed(config.seed)
    network = PocketDepth(64, 64)
    load_weights(network, start)
    settle_norms(network.eval())
    network.to(device)
    teacher = copy.deepcopy(network).requires_grad_(False)
    biases = [parameter for name, parameter in network.named_parameters() if name.endswith("bias")]
    network.requires_grad_(False)
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Conv2d) and name != "head":
            parametrize.register_parametrization(layer, "weight", OnSteps(layer.weight))
    latents = [parameter for name, parameter in network.named_parameters() if name.endswith("original")]
    for learnt in (*latents, *biases):
        learnt.requires_grad_(True)

    def loss_of(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        photo = batch["photo"]
        for one in (network, teacher):
            one.look_at(photo.shape[2], photo.shape[3])
        with torch.no_grad():
            wanted = teacher.at_inner_size(photo)
        given = network.at_inner_size(photo)
        return {
            "l1": (given - wanted).abs().mean(),
            "gradient": gradient_difference(given, wanted, torch.ones_like(wanted), scales=1),
        }

    def finish(mean: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        network.load_state_dict(mean)
        for layer in network.modules():
            if parametrize.is_parametrized(layer):
                parametrize.remove_parametrizations(layer, "weight")
        return _in_half(network)

    groups: list[dict[str, Any]] = [
        {"params": latents, "rate": 1.0},
        {"params": biases, "rate": BIAS_RATE},
    ]
    return train(network, loss_of, batches, output, config, overwrite, groups, evaluate, finish)


class OnSteps(nn.Module):
    """A parametrisation of a convolution's weight: what is learnt counts steps, what computes is whole steps.

    Args:
        weight: (outputs, …); the largest magnitude of each output is to be `INT8_MAX` steps, unless it is 0.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        weight = weight.detach()
        self.register_buffer("step", tidy_steps(weight), persistent=False)
        magnitude = weight.flatten(1).abs()
        pinned = (magnitude.amax(dim=1, keepdim=True) == 0).expand_as(magnitude)
        pinned = pinned.scatter(1, magnitude.argmax(dim=1, keepdim=True), True)
        self.register_buffer("pinned", pinned.view_as(weight), persistent=False)
        self.register_buffer("edge", INT8_MAX * weight.sign(), persistent=False)

    step: torch.Tensor
    pinned: torch.Tensor
    edge: torch.Tensor

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Steps, not whole → weights on whole steps, with the gradient of the steps."""
        whole = torch.where(self.pinned, self.edge, latent.round().clamp(-INT8_MAX, INT8_MAX))
        return (latent + (whole - latent).detach()) * self.step

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """Weights → steps, not whole."""
        return weight / self.step


def tidy_steps(weight: torch.Tensor) -> torch.Tensor:
    """Return one step an output, (outputs, 1, …): its largest magnitude / `INT8_MAX`, to `DIGITS` digits.

    Where all weights are 0 it is 1.
    """
    largest = weight.flatten(1).abs().amax(dim=1)
    mantissa, exponent = torch.frexp(largest / INT8_MAX)
    tidy = torch.ldexp((mantissa * 2**DIGITS).round() / 2**DIGITS, exponent)
    return torch.where(largest > 0, tidy, torch.ones_like(tidy)).view(-1, *[1] * (weight.dim() - 1))


def settle_norms(network: nn.Module) -> None:
    """Make every batch normalisation part of the convolution before it; what is left of it adds a bias."""
    before: nn.Module | None = None
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            _settle(before, module)
        if not list(module.children()):
            before = module


@torch.no_grad()
def _settle(layer: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    layer.weight.copy_(weight)
    norm.bias.copy_(bias)
    if layer.bias is not None:
        layer.bias.zero_()
    norm.weight.fill_(1.0)
    norm.running_mean.zero_()
    one = torch.ones(())
    variance = one.sub(norm.eps)
    while bool(variance.add(norm.eps) < one):
        variance = torch.nextafter(variance, one)
    norm.running_var.fill_(variance)


def _in_half(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return a network's weights: kernels in half precision, the rest float32 of the same digits."""
    held = {}
    for name, value in network.state_dict().items():
        if value.dim() == 4:
            held[name] = value.half()
        elif name.endswith("bias"):
            held[name] = value.half().float()
        else:
            held[name] = value
    return held
