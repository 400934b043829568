"""Which precisions and which recipe an export gets: `--precision auto` and `--calibration`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.calibration.samples import scene_samples
from ldikit.export import auto, recipes
from ldikit.export.auto import plan
from ldikit.export.coverage import write_coverage
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import InputError
from ldikit.reference.layering.soft import Gap
from ldikit.reference.networks import depth_networks, inpaint_networks
from ldikit.reference.quantized.recipe import NetworkRecipe, Recipe
from PIL import Image
from torch import nn

CONFIG = PipelineConfig(depth="test_auto_depth", inpaint="test_auto_inpaint", layers=2)


class AutoDepth(nn.Module):
    """Red is near, by two layers, of which the first has weights that eight bits hold badly."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 1)
        self.second = nn.Conv2d(4, 4, 1)
        self.head = nn.Conv2d(4, 1, 1)
        with torch.no_grad():
            for layer in (self.first, self.second, self.head):
                layer.weight.abs_()

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.sigmoid(self.head(self.second(torch.relu(self.first(photo)))) * 4 - 6)
        return result


class AutoInpaint(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1)

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.sigmoid(self.head(torch.relu(self.first(color)))), gap.source


if "test_auto_depth" not in depth_networks:
    depth_networks.register("test_auto_depth")(lambda height, width: AutoDepth().eval())
    inpaint_networks.register("test_auto_inpaint")(lambda height, width: AutoInpaint().eval())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos of cards before a slope, the second of which is a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        picture = np.random.default_rng(seed).integers(0, 60, (96, 128, 3)).astype(np.uint8)
        picture[20:60, 30:70, 0] += 150
        Image.fromarray(picture).save(folder / name)
    (folder / "b.png").write_text("no picture")
    return folder


@pytest.fixture(autouse=True)
def few_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "SCENES", 1)
    monkeypatch.setattr(auto, "JUDGED", 1)


def test_auto_is_int8_by_a_searched_and_repaired_recipe(photos: Path, tmp_path: Path) -> None:
    planned = plan(CONFIG, ("fp32", "auto", "int8"), calibration=photos)
    assert planned.precisions == ("fp32", "int8")
    assert planned.ready is not None and planned.search is not None
    recipe = planned.ready.recipe
    assert recipe.repairs == ("second-order rounding", "bias correction")
    assert planned.ready.weights is not None
    assert {name.partition(".")[0] for name in planned.ready.weights} == {"depth", "inpaint"}
    assert [sample["name"] for sample in recipe.data["samples"]] == ["a.png", "c.png"]
    assert [photo["name"] for photo in recipe.data["skipped"]] == ["b.png"]
    assert planned.search.photos == ("a.png", "a.png mirrored", "a.png middle")
    planned.write_search(tmp_path)
    written = json.loads((tmp_path / "search.json").read_text())
    assert written["chosen"] == planned.search.chosen.label and written["pareto"]["bytes"]


def test_photos_that_verify_neither_calibrate_nor_choose(photos: Path, tmp_path: Path) -> None:
    for precision in ("auto", "int8"):
        planned = plan(CONFIG, (precision,), calibration=photos, verifying=[photos / "a.png"])
        assert planned.ready is not None
        assert [sample["name"] for sample in planned.ready.recipe.data["samples"]] == ["c.png"]
        assert "a.png" in {photo["name"] for photo in planned.ready.recipe.data["skipped"]}
    write_coverage(tmp_path, CONFIG, planned.ready.recipe, [photos / "a.png", photos / "c.png"])
    coverage = json.loads((tmp_path / "coverage.json").read_text())
    assert coverage["photos"] == 1  # c.png calibrated
    assert all(photo["photo"] == "a.png" for tensor in coverage["worst"] for photo in tensor["photos"])


@pytest.mark.parametrize("given", [True, False])
def test_a_build_that_calibrates_leaves_the_depth_networks_arithmetic_float(
    given: bool, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "SCENES", 1)
    planned = plan(CONFIG, ("int8",), calibration=photos if given else None)
    assert planned.ready is not None
    assert planned.ready.origin.endswith("of the depth network the weights alone are int8")
    depth, inpaint = (planned.ready.recipe.networks[name] for name in ("depth", "inpaint"))
    assert depth.activations == {}
    assert list(depth.weights) == list(depth.weight_only_layers) == ["first", "second"]
    assert inpaint.activations and list(inpaint.weights) == ["first"] and inpaint.weight_only_layers == {}
    # Who calibrates it, and not the build, gets all of it in int8.
    whole = recipes.calibrated(CONFIG, scene_samples(1)).networks["depth"]
    assert whole.activations and whole.weight_only_layers == {}


def test_without_photos_scenes_calibrate_and_other_scenes_choose() -> None:
    planned = plan(CONFIG, ("auto",))
    assert planned.ready is not None and planned.search is not None
    names = [sample["name"] for sample in planned.ready.recipe.data["samples"]]
    assert names == ["scene 0-0", "scene 1-0"]
    assert planned.search.photos == ("scene 1-0", "scene 1-0 mirrored", "scene 1-0 middle")


def test_nothing_is_calibrated_where_nothing_needs_it(photos: Path, tmp_path: Path) -> None:
    planned = plan(CONFIG, ("fp32", "fp16"))
    assert (planned.precisions, planned.ready, planned.search) == (("fp32", "fp16"), None, None)
    planned.write_search(tmp_path)
    write_coverage(tmp_path, CONFIG, Recipe("w", {}, {"depth": NetworkRecipe()}), [])
    assert not (tmp_path / "search.json").exists() and not (tmp_path / "coverage.json").exists()
    with pytest.raises(InputError, match="are for int8, w8 and auto, not for fp32"):
        plan(CONFIG, ("fp32",), calibration=photos)
    with pytest.raises(InputError, match="not both"):
        plan(CONFIG, ("int8",), recipe=tmp_path / "recipe.json", calibration=photos)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no photo in"):
        plan(CONFIG, ("auto",), calibration=tmp_path)
