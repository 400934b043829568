"""Training on another device than the CPU, as far as a machine without a GPU can tell.

torch's `meta` tensors have a shape but no values, and refuse to be mixed with those of a CPU as a GPU's do.
"""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.reference import weights
from ldikit.reference.config import LayeringConfig
from ldikit.reference.depth.pocket import WEIGHTS
from ldikit.reference.devices import check_device, training_autocast
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.training import depth, inpaint
from ldikit.reference.training.state import TrainingConfig

HEIGHT, WIDTH = 64, 96
EMBEDDED = Path(weights.__file__).parent / WEIGHTS


def test_only_devices_that_are_here() -> None:
    """A name that torch does not know and a GPU that is missing are told apart."""
    assert check_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="nosuch"):
        check_device("nosuch")
    if not torch.cuda.is_available():
        with pytest.raises(BackendUnavailableError, match="give cpu"):
            check_device("cuda")


def test_half_precision_is_for_gpus_alone() -> None:
    """On a CPU a convolution stays in single precision."""
    layer, x = torch.nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)
    with training_autocast(torch.device("cpu")):
        assert layer(x).dtype == torch.float32


def captured(monkeypatch: pytest.MonkeyPatch, module: object) -> dict[str, object]:
    """Let a training end where its loop would begin; what the loop was given."""
    given: dict[str, object] = {}

    def loop(network: object, loss_of: object, *_: object) -> dict[str, float]:
        given.update(network=network, loss_of=loss_of)
        return {}

    monkeypatch.setattr(module, "train", loop)
    return given


@pytest.mark.parametrize("stage", ["depth", "depth, twice", "inpaint"])
def test_all_of_a_step_is_on_one_device(stage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Losses are in single precision on the device, whatever is drawn for them, and gradients reach."""
    config, output, other = TrainingConfig(steps=1), tmp_path / "x.safetensors", torch.device("meta")
    module = inpaint if stage == "inpaint" else depth
    monkeypatch.setattr(module, "training_autocast", lambda _: nullcontext())
    given = captured(monkeypatch, module)
    if stage == "inpaint":
        layering = SoftLayering(LayeringConfig(), 512)
        inpaint.train_inpaint(iter, HEIGHT, WIDTH, layering, output, config, device="meta")
        shapes = {"color": (2, 2, 3), "disparity": (2, 2, 1), "occupancy": (2, 2, 1)}
    else:
        monkeypatch.setattr(depth, "STEADY_SHARE", 2.0 if "twice" in stage else -1.0)
        depth.train_depth(iter, output, config, device="meta")
        shapes = {"photo": (2, 3), "disparity": (2, 1, 1)}
    batch = {name: torch.empty(*shape, HEIGHT, WIDTH, device=other) for name, shape in shapes.items()}
    terms = given["loss_of"](batch)  # type: ignore[operator]
    assert {(term.device, term.dtype) for term in terms.values()} == {(other, torch.float32)}
    torch.stack(list(terms.values())).sum().backward()
    network = given["network"]
    assert isinstance(network, torch.nn.Module)
    assert all(p.grad is not None and p.grad.device == other for p in network.parameters())


def test_bfloat16_moves_the_loss_little(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same step of a CPU in bfloat16: the loss differs by at most 2 %, gradients point the same way."""
    rng = np.random.default_rng(0)
    batch = {
        "photo": torch.from_numpy(rng.random((2, 3, HEIGHT, WIDTH), np.float32)),
        "disparity": torch.from_numpy(rng.random((2, 1, 1, HEIGHT, WIDTH), np.float32)),
    }
    monkeypatch.setattr(depth, "STEADY_SHARE", -1.0)
    losses, gradients = [], []
    for half in (False, True):
        monkeypatch.setattr(
            depth,
            "training_autocast",
            lambda device, half=half: torch.autocast(device.type, torch.bfloat16, enabled=half),
        )
        given = captured(monkeypatch, depth)
        depth.train_depth(iter, tmp_path / "x.safetensors", TrainingConfig(steps=1), EMBEDDED)
        torch.manual_seed(0)
        total = torch.stack(list(given["loss_of"](batch).values())).sum()  # type: ignore[operator]
        total.backward()
        losses.append(float(total.detach()))
        network = given["network"]
        assert isinstance(network, torch.nn.Module)
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.9
