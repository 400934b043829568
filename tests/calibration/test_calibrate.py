import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.calibration.calibrate import calibrate, recipe_coverage
from ldikit.calibration.network_runs import NetworkRuns
from ldikit.calibration.samples import CalibrationSamples
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.protocol import depth_networks
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.program import quantized_program
from ldikit.reference.quantized.recipe import ActivationScale, Recipe
from ldikit.reference.sizes import ProgramSize
from torch import nn

SIZE = ProgramSize(64, 96)
POCKET = PipelineConfig()


def samples(*seeds: int) -> CalibrationSamples:
    def pixels(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8)

    photos = [(f"noise {seed}", lambda seed=seed: pixels(seed)) for seed in seeds]
    return CalibrationSamples("noise", photos, lambda height, width: SIZE)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return calibrate(POCKET, samples(1, 2), "minmax", weights_sha256={"depth": "ab"})


def test_every_range_is_what_the_float_networks_give(recipe: Recipe) -> None:
    runs = NetworkRuns(POCKET)
    lows: dict[tuple[str, str], float] = {}
    highs: dict[tuple[str, str], float] = {}
    for sample in samples(1, 2):
        for stage, name, values in runs.tensors(sample.photo):
            leader = runs.networks(64, 96)[stage].points.groups[name]
            key = (stage, leader)
            lows[key] = min(lows.get(key, np.inf), float(values.min()))
            highs[key] = max(highs.get(key, -np.inf), float(values.max()))
    for (stage, name), low in lows.items():
        entry = recipe.networks[stage].activations[name]
        assert (entry.low, entry.high) == (low, highs[stage, name])
        span = max(entry.high, 0.0) - min(entry.low, 0.0)
        assert entry.scale == pytest.approx(max(span / 255, 2.0**-14), rel=1e-6)
    assert {stage for stage, _ in lows} == {"depth", "inpaint"}


class Held(nn.Module):
    """A network that gives the range of its first layer itself."""

    normalised = True

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.enter, self.head = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 1, 1)
        with torch.no_grad():
            self.enter.weight.fill_(0.0)
            self.enter.weight[:, 0] = torch.tensor([[[1.0]], [[-1.0]]])
            self.enter.bias.zero_()

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """The layer gives red and its negative: −1 to 1."""
        result: torch.Tensor = torch.sigmoid(self.head(torch.clamp(self.enter(photo), self.low, self.high)))
        return result


def test_a_range_that_the_network_gives_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(depth_networks._entries, "held", lambda height, width: Held(-8.0, 7.9375).eval())
    held = calibrate(PipelineConfig(depth="held"), samples(1)).networks["depth"].activations
    assert held["enter"] == ActivationScale(0.0625, 0, -8.0, 7.9375, "the network")
    assert held["input/photo"].observer == "minmax" and held["input/photo"].high == pytest.approx(1.0)


def test_a_clamp_far_outside_of_what_is_seen_is_no_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(depth_networks._entries, "guarded", lambda height, width: Held(-256.0, 256.0).eval())
    guarded = calibrate(PipelineConfig(depth="guarded"), samples(1)).networks["depth"].activations
    assert guarded["enter"].observer == "minmax"
    assert (guarded["enter"].low, guarded["enter"].high) == (-1.0, 1.0)


def test_the_recipe_makes_a_program_close_to_the_float_one(recipe: Recipe) -> None:
    again = Recipe.from_json(recipe.to_json())
    program = NetworkRuns(POCKET).program(64, 96)
    photo = next(iter(samples(1))).photo
    with torch.no_grad():
        wanted = program(photo).disparity[:, 0]
        found = quantized_program(program, again, 64, 96)(photo).disparity[:, 0]
    error = float((found - wanted).abs().mean())
    assert 0 < error < 0.02


def test_the_recipe_says_what_it_was_made_from(recipe: Recipe) -> None:
    assert recipe.pipeline == "pocket"
    assert recipe.weights == {"depth": "ab"}
    assert [sample["name"] for sample in recipe.data["samples"]] == ["noise 1", "noise 2"]
    assert recipe.data["observer"] == "minmax"
    assert json.loads(recipe.to_json())["networks"]["depth"]["float_layers"].keys() == {"head"}


def test_too_few_photos_for_the_observer() -> None:
    with pytest.raises(InputError, match=r"tensor 'sub' of the depth network: the entropy observer needs"):
        calibrate(POCKET, samples(1), "entropy")


def test_an_unknown_observer() -> None:
    with pytest.raises(InputError, match="observer"):
        calibrate(POCKET, samples(1), "guess")


def test_a_value_that_is_not_finite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: NetworkRuns, photo: torch.Tensor) -> Iterator[tuple[str, str, torch.Tensor]]:
        yield "depth", "stem.0", torch.tensor([1.0, float("nan")])

    monkeypatch.setattr(NetworkRuns, "tensors", broken)
    with pytest.raises(InputError, match=r"tensor 'stem.0' of the depth network on noise 1: .* not finite"):
        calibrate(POCKET, samples(1))


def test_a_constant_tensor_is_counted_and_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = NetworkRuns.tensors

    def constant(self: NetworkRuns, photo: torch.Tensor) -> Iterator[tuple[str, str, torch.Tensor]]:
        for stage, name, values in real(self, photo):
            yield stage, name, torch.full_like(values, 0.5) if name == "stem.0" else values

    monkeypatch.setattr(NetworkRuns, "tensors", constant)
    with caplog.at_level(logging.WARNING, "ldikit"):
        recipe = calibrate(POCKET, samples(1))
    assert recipe.data["constant_tensors"] == ["depth/stem.0"]
    assert "1 tensors never changed on the samples: depth/stem.0" in caplog.text
    # 0 and the constant are both exact.
    entry = recipe.networks["depth"].activations["stem.0"]
    assert (127 - entry.zero_point) * entry.scale == pytest.approx(0.5, rel=1e-6)


def test_an_unreadable_photo_is_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def unreadable() -> np.ndarray:
        raise InputError("broken.jpg is damaged")

    good = np.zeros((64, 96, 3), np.uint8)
    mixed = CalibrationSamples(
        "two", [("good.png", lambda: good), ("broken.jpg", unreadable)], lambda *_: SIZE
    )
    with caplog.at_level(logging.WARNING, "ldikit"):
        recipe = calibrate(POCKET, mixed)
    assert recipe.data["skipped"] == [{"name": "broken.jpg", "reason": "broken.jpg is damaged"}]
    assert "left out broken.jpg" in caplog.text


def test_coverage_of_what_calibration_saw_is_complete(recipe: Recipe) -> None:
    photos = [(sample.name, sample.photo) for sample in samples(1, 2)]
    assert recipe_coverage(POCKET, recipe, photos).to_json()["tensors_outside"] == 0
    other = recipe_coverage(POCKET, recipe, [("white", torch.ones(1, 3, 64, 96))])
    assert other.to_json()["tensors_outside"] > 0
