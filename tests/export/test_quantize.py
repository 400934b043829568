import json
from pathlib import Path

import numpy as np
import pytest
from ldikit.calibration.calibrate import calibrate
from ldikit.calibration.samples import CalibrationSamples
from ldikit.export.precision import cases, search
from ldikit.export.quantize import quantize
from ldikit.export.recipes import ReadyRecipe, recipe_for
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.recipe import NetworkRecipe, Recipe
from ldikit.reference.sizes import ProgramSize

POCKET = PipelineConfig()


def samples(*seeds: int) -> CalibrationSamples:
    def pixels(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8)

    photos = [(f"noise {seed}", lambda seed=seed: pixels(seed)) for seed in seeds]
    return CalibrationSamples("noise", photos, lambda *_: ProgramSize(64, 96))


def test_the_chosen_recipe_names_every_photo_that_it_was_chosen_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "MOST_CASES", 2)
    # Views of noise would take most of the time.
    monkeypatch.setattr(search, "DEFAULT_GATES", {"int8": {"ldi.gap_iou": 0.5}})
    start = ReadyRecipe(calibrate(POCKET, samples(1)), None, "noise")
    found = quantize(POCKET, start, samples(2), tmp_path / "out", margin=0.0)
    written = Recipe.read(tmp_path / "out" / "recipe.json")
    assert written == Recipe.from_json(found.recipe.to_json())
    assert [sample["name"] for sample in written.data["samples"]] == ["noise 1", "noise 2"]
    told = json.loads((tmp_path / "out" / "search.json").read_text())
    assert told["photos"] == ["noise 2", "noise 2 mirrored"]
    assert told["points"][0]["float_layers"] == []
    chosen = {f"{s}/{layer}" for s, n in written.networks.items() for layer in n.float_layers}
    assert set(found.search.chosen.float_layers) <= chosen


def test_a_recipe_without_rounded_activations_leaves_nothing_to_search(tmp_path: Path) -> None:
    empty = Recipe("pocket", {}, {"depth": NetworkRecipe(), "inpaint": NetworkRecipe()})
    with pytest.raises(InputError, match="no int8 layer to search among"):
        quantize(POCKET, ReadyRecipe(empty, None, "nothing"), samples(1), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_package_has_a_recipe_for_its_own_networks() -> None:
    ready = recipe_for(POCKET, ("fp32", "int8"))
    assert ready is not None
    assert ready.origin == "the recipe that comes with the pocket networks"
    assert ready.recipe.repairs == ("second-order rounding", "bias correction")
    assert ready.weights is not None and {n.partition(".")[0] for n in ready.weights} == {"depth", "inpaint"}
    assert recipe_for(POCKET, ("fp32",)) is None


def test_a_recipe_of_other_weights_or_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    Recipe("other", {"depth": "00", "inpaint": "00"}, {"depth": NetworkRecipe()}).write(path)
    with pytest.raises(
        InputError, match=r"is the recipe of another pipeline \(other\): .* depth and inpaint"
    ):
        recipe_for(POCKET, ("int8",), path)
    with pytest.raises(InputError, match="a recipe is for int8 and w8, not for fp32"):
        recipe_for(POCKET, ("fp32",), path)
