"""Weights on int8 steps: what is written is what int8 and half precision hold, to the bit."""

from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ldikit.reference.depth.pocket import PocketDepth
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.affine import symmetric_scales
from ldikit.reference.training.int8_weights import OnSteps, round_depth, settle_norms, tidy_steps
from ldikit.reference.training.state import TrainingConfig, write_weights
from safetensors.torch import load_file
from torch import nn


def test_steps_by_hand() -> None:
    """1.27 → 0.01 = 0.64 · 2⁻⁶, of which 10.24 sixteenths are 10; zeros are counted in ones."""
    weight = torch.tensor([[0.5, -1.27], [0.0, 0.0]])
    assert tidy_steps(weight).flatten().tolist() == [10 / 16 / 64, 1.0]


@given(st.integers(0, 2**16), st.floats(1e-3, 10.0))
def test_calibration_finds_the_steps_and_half_precision_the_weights(seed: int, size: float) -> None:
    """Scales by the largest magnitude are the steps; rounding by them, or to half, changes nothing."""
    weight = size * torch.randn((8, 4, 3, 3), generator=torch.Generator().manual_seed(seed))
    weight[3] = 0.0
    steps = OnSteps(weight)
    rounded = steps(steps.right_inverse(weight))
    scales = symmetric_scales(rounded).view(-1, 1, 1, 1)
    alive = torch.tensor([True, True, True, False, True, True, True, True])
    assert torch.equal(scales[alive], steps.step[alive])
    assert torch.equal((rounded / scales).round() * scales, rounded)
    assert torch.equal(rounded.half().float(), rounded)
    # The largest moves with its step, by a sixteenth at most; the others by less.
    largest = weight.flatten(1).abs().amax(1).view(-1, 1, 1, 1)
    assert bool(((rounded - weight).abs() <= largest / 15).all())


def test_gradients_pass_the_rounding() -> None:
    steps = OnSteps(torch.tensor([[1.27, 0.3, -0.4]]))
    latent = steps.right_inverse(torch.tensor([[1.27, 0.3, -0.4]])).requires_grad_(True)
    steps(latent).sum().backward()
    assert latent.grad is not None
    assert torch.equal(latent.grad, steps.step.expand(1, 3))


@pytest.mark.parametrize("bias", [False, True])
def test_settled_norms_add_a_bias_and_nothing_else(bias: bool) -> None:
    """The network computes the same, its norms now scale by exactly 1."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), nn.BatchNorm2d(8), nn.ReLU6()).eval()
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(values, 0.5, 2.0)
    photo = torch.rand(1, 3, 16, 16)
    before = network(photo)
    settle_norms(network)
    torch.testing.assert_close(network(photo), before)
    plane = torch.randn(1, 8, 4, 4)
    assert torch.equal(norm(plane), plane + norm.bias.view(1, -1, 1, 1))


def test_training_keeps_what_the_network_gives_and_writes_what_int8_holds(tmp_path) -> None:
    torch.manual_seed(1)
    network = PocketDepth(64, 64)
    start, output = tmp_path / "start.safetensors", tmp_path / "steps.safetensors"
    write_weights(network.state_dict(), start)

    def batches(begin):
        for step in count(begin):
            photo = np.random.default_rng(step).random((2, 3, 64, 64), dtype=np.float32)
            yield {"photo": photo, "disparity": photo[:, None, :1]}

    config = TrainingConfig(steps=4, learning_rate=0.01, log_every=2, save_every=2)
    means = round_depth(batches, output, config, start)
    assert set(means) == {"l1", "gradient"}
    written = load_file(output)
    assert set(written) == set(network.state_dict())
    rounded = PocketDepth(64, 64)
    rounded.load_state_dict({name: value.float() for name, value in written.items()})
    photo = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        change = rounded.eval()(photo) - network.eval()(photo)
    assert float(change.abs().max()) < 0.02
    for name, layer in rounded.named_modules():
        if isinstance(layer, nn.Conv2d) and name != "head":
            scales = symmetric_scales(layer.weight.detach()).view(-1, 1, 1, 1)
            assert torch.equal((layer.weight / scales).round() * scales, layer.weight)


def test_a_start_of_another_network_is_refused(tmp_path) -> None:
    start = tmp_path / "other.safetensors"
    write_weights({"weight": torch.zeros(1)}, start)
    with pytest.raises(InputError, match="other"):
        round_depth(lambda step: iter(()), tmp_path / "o.safetensors", TrainingConfig(steps=1), start)
