import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe, Recipe

SCALES = st.floats(2.0**-30, 1024.0, width=32)
# As observers and networks give them: of more digits than a file keeps.
ENDS = st.floats(-1024.0, 1024.0)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    activation = st.builds(
        ActivationScale, SCALES, st.integers(-128, 127), ENDS, ENDS, st.sampled_from(["minmax", "mse"])
    )
    network = st.builds(
        NetworkRecipe,
        st.dictionaries(st.text(max_size=5), activation, max_size=3),
        st.dictionaries(st.text(max_size=5), st.lists(SCALES, min_size=1, max_size=3).map(tuple), max_size=3),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    )
    return Recipe("pocket", {"depth": "ab"}, {"depth": draw(network)}, {"samples": 3}, ("bias",))


@given(recipes())
def test_round_trip(recipe: Recipe) -> None:
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert again.hash == recipe.hash


def written(tmp_path: Path, **changes: object) -> Path:
    scale = {"scale": 0.5, "zero_point": 3, "low": -1.0, "high": 1.0, "observer": "minmax", **changes}
    network = {
        "activations": {"x": scale},
        "weights": {"conv": [0.1]},
        "float_layers": {},
        "weight_only_layers": {},
    }
    path = tmp_path / "recipe.json"
    content = {"schema_version": 1, "pipeline": "pocket", "weights": {}, "networks": {"depth": network}}
    path.write_text(json.dumps(content))
    return path


def test_reading(tmp_path: Path) -> None:
    recipe = Recipe.read(written(tmp_path))
    assert recipe.network("depth").activations["x"] == ActivationScale(0.5, 3, -1.0, 1.0, "minmax")
    with pytest.raises(InputError, match="no inpaint network"):
        recipe.network("inpaint")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scale": 0.0}, "'x': a scale must be a number above 0, got 0.0"),
        ({"scale": math.inf}, "'x': a scale must be a number above 0"),
        ({"scale": "large"}, "got 'large'"),
        ({"zero_point": 128}, "zero_point must be a whole number -128 to 127, got 128"),
        ({"zero_point": 0.5}, "got 0.5"),
        ({"low": None}, "does not follow schema 1"),
    ],
)
def test_a_scale_that_cannot_be_one(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Recipe.read(written(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[1]", "names no networks"),
        ('{"networks": {}, "schema_version": 2}', "schema_version must be 1, got 2"),
        (
            '{"networks": {"depth": 3}, "schema_version": 1, "pipeline": "p", "weights": {}}',
            "does not follow",
        ),
    ],
)
def test_what_is_no_recipe(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        Recipe.read(path)


def test_no_such_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the recipe"):
        Recipe.read(tmp_path / "nowhere.json")
