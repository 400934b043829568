"""The verbs of int8 on bad input: one line and exit 2, or a warning that is counted; nothing left behind."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit import cli
from ldikit.calibration.calibrate import calibrate
from ldikit.calibration.samples import CalibrationSamples
from ldikit.export.recipes import current_weights
from ldikit.reference.config import PipelineConfig
from ldikit.reference.layering.soft import Gap
from ldikit.reference.networks import depth_networks, inpaint_networks
from ldikit.reference.quantized.recipe import Recipe
from ldikit.reference.sizes import ProgramSize
from PIL import Image
from torch import nn

CONFIG = PipelineConfig(depth="test_cli_depth", inpaint="test_cli_inpaint")
NETWORKS = ("--depth", CONFIG.depth, "--inpaint", CONFIG.inpaint)


class CliDepth(nn.Module):
    """Red is near; its middle layer gives the same everywhere, or is not finite on white photos."""

    normalised = True

    def __init__(self, finite: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.flat, self.head = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 1, 1)
        with torch.no_grad():
            self.first.weight.abs_()
            self.flat.weight.zero_()
            self.flat.bias.fill_(0.5)
            if not finite:
                self.first.weight.fill_(1e38)
                self.flat.weight.fill_(1e38)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.head(self.flat(self.first(photo)))) * 0.5 + 0.4 * photo[:, :1]


class CliInpaint(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.head = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 3, 1)

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.sigmoid(self.head(torch.relu(self.first(color)))), gap.source


if "test_cli_depth" not in depth_networks:
    depth_networks.register("test_cli_depth")(lambda height, width: CliDepth(True).eval())
    depth_networks.register("test_cli_overflow")(lambda height, width: CliDepth(False).eval())
    inpaint_networks.register("test_cli_inpaint")(lambda height, width: CliInpaint().eval())

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process, which knows the networks above; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["ldikit", *map(str, arguments)])
            with pytest.raises(SystemExit) as stop:
                cli.main()
        out, err = capfd.readouterr()
        return int(stop.value.code or 0), out, err

    return call


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3)).astype(np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Photos to calibrate on, one of which is a text, and one that is held out."""
    photos, held_out = tmp_path / "photos", tmp_path / "held"
    for folder, seeds in ((photos, (1, 2)), (held_out, (3,))):
        folder.mkdir()
        for seed in seeds:
            Image.fromarray(noise(seed)).save(folder / f"{seed}.png")
    (photos / "broken.jpg").write_text("no picture")
    return photos, held_out


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    samples = CalibrationSamples("given", [("one", lambda: noise(1))], lambda *_: ProgramSize(64, 96))
    return calibrate(CONFIG, samples, weights_sha256=current_weights(CONFIG))


def refused(done: tuple[int, str, str], *words: str) -> None:
    code, _, err = done
    assert code == 2, err
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1 and "Traceback" not in err, err
    for word in words:
        assert word in lines[0], err


@pytest.mark.parametrize("verb", ["calibrate", "quantize"])
def test_an_empty_folder(verb: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(run(verb, "--photos", "empty", "-o", "out"), "no photo in")
    refused(run("export", "--precision", "int8", "--calibration", "empty", "-o", "out"), "no photo in")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_an_unreadable_photo_is_left_out_counted_and_named(
    run: Run, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    code, out, err = run(
        "calibrate", "--photos", "photos", "--held-out", "held", "-o", "recipe.json", *NETWORKS
    )
    assert code == 0, err
    assert "3 of 3 photos in folder photos, 2 used" in out and "skipped broken.jpg" in out
    data = Recipe.read(tmp_path / "recipe.json").data
    assert [sample["name"] for sample in data["samples"]] == ["1.png", "2.png"]
    assert [photo["name"] for photo in data["skipped"]] == ["broken.jpg"]


def test_a_constant_activation_is_counted_and_exact(
    run: Run, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    code, out, _ = run(
        "calibrate", "--photos", "photos", "--held-out", "held", "-o", "recipe.json", *NETWORKS
    )
    assert code == 0 and "the same on every sample, 1: depth/flat" in out
    entry = Recipe.read(tmp_path / "recipe.json").networks["depth"].activations["flat"]
    assert (entry.low, entry.high) == (0.5, 0.5)
    assert (127 - entry.zero_point) * entry.scale == pytest.approx(0.5, rel=1e-6)


def test_an_activation_that_is_not_finite(run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(
        "calibrate",
        "--photos",
        "photos",
        "-o",
        "recipe.json",
        "--depth",
        "test_cli_overflow",
        "--inpaint",
        CONFIG.inpaint,
    )
    refused(done, "depth network", "1.png", "not finite")
    assert not (tmp_path / "recipe.json").exists()


def test_too_few_photos_for_an_observer(run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "photos" / "2.png").unlink()
    done = run("calibrate", "--photos", "photos", "--observer", "entropy", "-o", "recipe.json", *NETWORKS)
    refused(done, "the entropy observer needs")
    assert not (tmp_path / "recipe.json").exists()


def test_recipes_that_do_not_fit(run: Run, recipe: Recipe, tmp_path: Path) -> None:
    depth = recipe.networks["depth"]
    other = replace(recipe, pipeline="other", weights={"depth": "00", "inpaint": "00"})
    lacking = replace(depth, activations={n: a for n, a in depth.activations.items() if n != "first"})
    fewer = replace(depth, weights={"first": (*depth.weights["first"], 1.0), "flat": depth.weights["flat"]})
    for wrong, words in (
        (other, ("recipe of another pipeline (other)", "depth and inpaint")),
        (
            replace(recipe, networks={**recipe.networks, "depth": lacking}),
            ("depth network", "missing: first"),
        ),
        (replace(recipe, networks={**recipe.networks, "depth": fewer}), ("2 output channels", "3 scales")),
        (replace(recipe, repairs=("by hand",)), ("recipe.safetensors", "missing")),
    ):
        wrong.write(tmp_path / "recipe.json", overwrite=True)
        for verb in ("build", "export"):
            done = run(verb, "--precision", "int8", "--recipe", "recipe.json", "-o", "out", *NETWORKS)
            refused(done, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


def test_repaired_weights_lie_beside_the_recipe(run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ("calibrate", "--photos", "photos", "--held-out", "held", "--repair", *NETWORKS)
    code, out, err = run(*arguments, "-o", "recipe.json")
    assert code == 0 and "repaired: second-order rounding, bias correction" in out, err
    assert {path.name for path in tmp_path.iterdir()} >= {"recipe.json", "recipe.safetensors"}
    # The weights of another recipe are not written over.
    refused(run(*arguments, "-o", "second.json"), "recipe.safetensors")
    assert not (tmp_path / "second.json").exists()
