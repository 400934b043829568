import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.reference.photo.resize import to_program
from ldikit.reference.pipeline import build_program
from ldikit.reference.quantized.program import quantized_program
from ldikit.runtime.bundle import open_bundle

Bundles = Callable[..., Path]


@pytest.mark.parametrize("precision", ["int8", "w8"])
def test_the_torch_backend_runs_the_quantised_program(
    precision: str, kit: SimpleNamespace, made: SimpleNamespace, bundle_of: Bundles
) -> None:
    bundle = open_bundle(bundle_of(made.models))
    photo = kit.make_photo(4)
    # First, as it sets torch to one thread: with several, sums differ in their last bits, and a value between
    # two steps falls to the other side.
    found = bundle.runner("torch", precision)(photo)
    recipe = made.recipe if precision == "int8" else made.recipe.weights_only()
    program = build_program(kit.config, kit.height, kit.width)
    oracle = quantized_program(program, recipe, kit.height, kit.width)
    tensor = torch.from_numpy(to_program(photo, kit.height, kit.width))
    with torch.inference_mode():
        expected, unrounded = oracle(tensor).disparity[0].numpy(), program(tensor).disparity[0].numpy()
    assert np.array_equal(found.disparity, expected)
    assert not np.array_equal(found.disparity, unrounded)


def test_torch_has_no_other_precision(made: SimpleNamespace, bundle_of: Bundles) -> None:
    with pytest.raises(InputError, match="fp32, int8 or w8, not fp16"):
        open_bundle(bundle_of(made.models)).runner("torch", "fp16")


def test_the_recipe_is_the_manifests(made: SimpleNamespace, bundle_of: Bundles) -> None:
    folder = bundle_of(made.models)
    assert open_bundle(folder).recipe() == made.recipe
    content = json.loads((folder / "recipe.json").read_text())
    content["networks"]["depth"]["activations"]["body.coarse"]["zero_point"] += 1
    (folder / "recipe.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="not the recipe of its manifest"):
        open_bundle(folder).recipe()
    (folder / "recipe.json").unlink()
    with pytest.raises(InputError, match=r"lacks the recipe\.json"):
        open_bundle(folder).recipe()


def test_a_recipe_that_links_out_of_the_bundle_is_refused(
    made: SimpleNamespace, bundle_of: Bundles, tmp_path: Path
) -> None:
    folder = bundle_of(made.models)
    (folder / "recipe.json").rename(tmp_path / "elsewhere.json")
    (folder / "recipe.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(InputError, match="link that leaves"):
        open_bundle(folder).recipe()


def test_a_float_bundle_has_no_recipe(made: SimpleNamespace, bundle_of: Bundles) -> None:
    bundle = open_bundle(bundle_of({"fp32": made.models["w8"]}, None))
    with pytest.raises(InputError, match="has no quantisation recipe"):
        bundle.recipe()


def test_repaired_weights_must_lie_beside_the_recipe(
    kit: SimpleNamespace, made: SimpleNamespace, bundle_of: Bundles
) -> None:
    repaired = kit.replace(made.recipe, repairs=("adaptive rounding",))
    bundle = open_bundle(bundle_of(made.models, repaired))
    with pytest.raises(InputError, match=r"recipe\.safetensors are missing"):
        bundle.runner("torch", "int8")(kit.make_photo(0))
