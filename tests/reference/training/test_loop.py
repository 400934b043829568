"""The loop: a cut training goes on to the very weights that an uncut one gives."""

import json

import numpy as np
import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.reference.training.loop import learning_rate_at, train
from ldikit.reference.training.state import TrainingConfig
from safetensors.torch import load_file
from torch import nn

CONFIG = TrainingConfig(steps=12, learning_rate=0.05, log_every=4, save_every=4)


class CutError(Exception):
    pass


def batches(start):
    step = start
    while True:
        yield {"x": np.random.default_rng(step).random((8, 3), np.float32)}
        step += 1


def run(output, cut=None, config=CONFIG, overwrite=False, evaluate=None):
    torch.manual_seed(1)
    network = nn.Linear(3, 1)
    seen = []

    def loss_of(batch):
        if len(seen) == cut:
            raise CutError
        seen.append(1)
        x = batch["x"]
        noisy = x + 0.01 * torch.randn_like(x)
        return {"square": (network(noisy) - x.sum(1, keepdim=True)).square().mean()}

    return train(network, loss_of, batches, output, config, overwrite, evaluate=evaluate), len(seen)


def test_a_cut_training_goes_on_to_the_same_weights(tmp_path):
    run(tmp_path / "whole.safetensors")
    with pytest.raises(CutError):
        run(tmp_path / "cut.safetensors", cut=7)
    assert not (tmp_path / "cut.safetensors").exists()
    _, steps = run(tmp_path / "cut.safetensors")
    # Seven steps were done, four of them kept.
    assert steps == 12 - 4
    whole, cut = load_file(tmp_path / "whole.safetensors"), load_file(tmp_path / "cut.safetensors")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert (tmp_path / "whole.log.jsonl").read_text() == (tmp_path / "cut.log.jsonl").read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("cut")) == [
        "cut.log.jsonl",
        "cut.safetensors",
        "cut.svg",
    ]


def test_it_learns_and_logs_and_draws(tmp_path):
    long = TrainingConfig(steps=200, learning_rate=0.05, log_every=50, save_every=100)
    means, _ = run(tmp_path / "a.safetensors", config=long, evaluate=lambda network: {"held out": 0.25})
    rows = [json.loads(line) for line in (tmp_path / "a.log.jsonl").read_text().splitlines()]
    assert means["square"] < 0.1 * rows[0]["square"]
    assert [row["step"] for row in rows] == [50, 100, 100, 150, 200, 200]
    assert [row["held out"] for row in rows if "held out" in row] == [0.25, 0.25]
    drawing = (tmp_path / "a.svg").read_text()
    assert drawing.count("<polyline") == 2 and "held out 0.2500" in drawing


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    output = tmp_path / "a.safetensors"
    with pytest.raises(CutError):
        run(output, cut=7)
    with pytest.raises(InputError, match="other settings"):
        run(output, config=TrainingConfig(steps=13, learning_rate=0.05, log_every=4, save_every=4))
    output.with_suffix(".checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="no checkpoint"):
        run(output)


def test_an_output_that_exists_is_kept(tmp_path):
    run(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="exists already"):
        run(tmp_path / "a.safetensors")


def test_the_learning_rate_rises_then_falls():
    config = TrainingConfig(steps=100, learning_rate=1.0)
    rates = [learning_rate_at(step, config) for step in range(100)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert np.all(np.diff(rates[3:]) < 0) and rates[-1] == pytest.approx(0.01, abs=2e-3)
