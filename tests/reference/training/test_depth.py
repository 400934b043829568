"""Training of depth: it learns, starts from an encoder or a whole network, and shifted copies line up."""

from itertools import islice

import numpy as np
import pytest
import torch
from ldikit.reference.depth.pocket import PocketDepth
from ldikit.reference.errors import InputError
from ldikit.reference.training.depth import _shifted, _Twice, load_start, train_depth
from ldikit.reference.training.lite0 import lite0_encoder
from ldikit.reference.training.measures import measure
from ldikit.reference.training.state import TrainingConfig, write_weights
from safetensors.torch import load_file


def batches(start):
    """Bright is near, at two sizes in turn."""
    rng = np.random.default_rng(start)
    while True:
        height, width = (32, 64) if rng.random() < 0.5 else (64, 32)
        disparity = np.repeat(np.repeat(rng.random((4, 1, 1, height // 16, width // 16)), 16, -2), 16, -1)
        disparity = disparity.astype(np.float32)
        yield {"photo": np.repeat(disparity[:, 0], 3, 1), "disparity": disparity}


def test_a_few_steps_from_given_weights_make_the_loss_smaller(tmp_path):
    start, output = tmp_path / "start.safetensors", tmp_path / "depth.safetensors"
    torch.manual_seed(0)
    write_weights(PocketDepth(64, 64).state_dict(), start)
    seen = []

    def evaluate(network):
        seen.append(measure(network, [(b["photo"][0], b["disparity"][0, 0]) for b in islice(batches(99), 2)]))
        return seen[-1]

    config = TrainingConfig(steps=12, learning_rate=3e-3, log_every=6, save_every=6)
    means = train_depth(batches, output, config, start, evaluate=evaluate)
    assert set(means) == {"l1", "aligned", "ranking", "gradient", "edges", "steady"}
    assert len(seen) == 2 and set(seen[0]) == {"ordinal", "rmse"}
    before, after = load_file(start), load_file(output)
    # The statistics that it started with stay; weights do not.
    assert torch.equal(before["stem.1.running_mean"], after["stem.1.running_mean"])
    assert not torch.equal(before["head.weight"], after["head.weight"])
    network = PocketDepth(64, 128)
    network.load_state_dict(after)


def lite0_checkpoint():
    """Random weights by the names and shapes of efficientnet_lite_pytorch's EfficientNet-Lite0."""
    ours = PocketDepth(64, 64)
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    weights = {"_conv_stem.weight": ours.stem[0].weight.detach().clone(), "_fc.bias": torch.zeros(1000)}
    first = ours.stages[0]
    places = [("_bn0", ours.stem[1]), ("_blocks.0._bn1", first[0][1]), ("_blocks.0._bn2", first[2])]
    weights["_blocks.0._depthwise_conv.weight"] = first[0][0].weight.detach().clone()
    weights["_blocks.0._project_conv.weight"] = first[1].weight.detach().clone()
    blocks = [block for stage in ours.stages[1:] for block in stage]
    for index, block in enumerate(blocks, start=1):
        name = f"_blocks.{index}"
        weights[f"{name}._expand_conv.weight"] = block.expand[0].weight.detach().clone()
        weights[f"{name}._depthwise_conv.weight"] = block.depthwise[0].weight.detach().clone()
        weights[f"{name}._project_conv.weight"] = block.project.weight.detach().clone()
        places += [(f"{name}._bn0", block.expand[1]), (f"{name}._bn1", block.depthwise[1])]
        places.append((f"{name}._bn2", block.norm))
    for name, module in places:
        weights |= {f"{name}.{part}": getattr(module, part).clone() for part in norm}
    return weights


def test_the_encoder_starts_from_efficientnet_lite0(tmp_path):
    torch.manual_seed(4)
    weights = lite0_checkpoint()
    weights["_bn0.running_var"] += 1.0
    torch.save(weights, tmp_path / "lite0.pth")
    torch.manual_seed(5)
    network = PocketDepth(64, 64)
    head = network.head.weight.detach().clone()
    known = load_start(network, tmp_path / "lite0.pth")
    assert torch.equal(network.head.weight, head) and "head.weight" not in known
    assert torch.equal(network.stages[4][3].project.weight, weights["_blocks.14._project_conv.weight"])
    # TensorFlow adds 1e-3 to the variance, PyTorch 1e-5: the same sum.
    assert torch.allclose(network.stem[1].running_var + 1e-5, weights["_bn0.running_var"] + 1e-3)
    assert known == {name for name in network.state_dict() if name.startswith(("stem.", "stages."))}


def test_other_files_are_refused_as_a_start(tmp_path):
    torch.save({"_conv_stem.weight": torch.zeros(1)}, tmp_path / "half.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("half.pth", "text.pth", "none.pth"):
        with pytest.raises(InputError, match=name):
            lite0_encoder(tmp_path / name)
    with pytest.raises(InputError, match=r"none\.safetensors"):
        load_start(PocketDepth(64, 64), tmp_path / "none.safetensors")


def test_shifted_copies_line_up():
    photo = torch.rand(4, 3, 32, 48)
    moved = _shifted(photo, 2, -3)
    assert torch.equal(moved[..., 2:, :-3], photo[..., :-2, 3:])
    torch.manual_seed(2)
    twice = _Twice(photo, photo[:, :1])
    assert twice.photo.shape == photo.shape and torch.equal(twice.photo[:2], photo[:2])
    # A network that shows its input's truth is perfectly steady; one that does not move with it is not.
    assert twice.difference(twice.truth).item() == 0.0
    assert twice.difference(torch.cat([twice.truth[:2], twice.truth[:2]])).item() > 0.05
