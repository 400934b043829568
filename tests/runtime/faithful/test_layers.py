from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ldikit.reference.photo.resize import to_program
from ldikit.reference.pipeline import build_program
from ldikit.reference.quantized.recipe import ActivationScale
from ldikit.runtime.parity.layers import LayerScore, score_layers
from ldikit.runtime.recipe import BundleRecipe


def scored(
    kit: SimpleNamespace, recipe: object, precision: str = "int8"
) -> dict[tuple[str, str, str], LayerScore]:
    program = build_program(kit.config, kit.height, kit.width)
    photo = torch.from_numpy(to_program(kit.make_photo(0), kit.height, kit.width))
    scores = score_layers(program, BundleRecipe(recipe), precision, photo)
    assert [s.sqnr_db for s in scores] == sorted(s.sqnr_db for s in scores)
    return {(s.network, s.kind, s.name): s for s in scores}


def with_activation(kit: SimpleNamespace, recipe: object, name: str, scale: float) -> object:
    depth = recipe.networks["depth"]
    old = depth.activations[name]
    changed = ActivationScale(scale, old.zero_point, old.low, old.high, old.observer)
    networks = {**recipe.networks}
    networks["depth"] = kit.replace(depth, activations={**depth.activations, name: changed})
    return kit.replace(recipe, networks=networks)


def test_the_input_of_the_first_layer_by_hand(kit: SimpleNamespace, made: SimpleNamespace) -> None:
    """The tensor is (photo − 0.5)·2, so its rounding can be done again in NumPy."""
    values = (to_program(kit.make_photo(0), kit.height, kit.width).astype(np.float64) - 0.5) * 2
    entry = made.recipe.networks["depth"].activations["body/mul"]
    steps = np.round(values / entry.scale) + entry.zero_point
    rounded = (np.clip(steps, -128, 127) - entry.zero_point) * entry.scale
    expected = 10 * np.log10((values**2).sum() / ((rounded - values) ** 2).sum())
    score = scored(kit, made.recipe)["depth", "activation", "body/mul"]
    assert score.sqnr_db == pytest.approx(expected, abs=0.05)
    assert score.clipped == pytest.approx(np.mean((steps < -128) | (steps > 127)), abs=1e-4)


def test_a_weight_by_hand(kit: SimpleNamespace, made: SimpleNamespace) -> None:
    program = build_program(kit.config, kit.height, kit.width)
    weight = program.depth.network.body.coarse.weight.double().numpy()
    scales = np.array(made.recipe.networks["depth"].weights["body.coarse"]).reshape(-1, 1, 1, 1)
    rounded = np.clip(np.round(weight / scales), -127, 127) * scales
    expected = 10 * np.log10((weight**2).sum() / ((rounded - weight) ** 2).sum())
    score = scored(kit, made.recipe)["depth", "weight", "body.coarse"]
    assert score.sqnr_db == pytest.approx(expected, abs=1e-6)


def test_a_tensor_with_a_bad_range_is_the_worst(kit: SimpleNamespace, made: SimpleNamespace) -> None:
    good = made.recipe.networks["depth"].activations["body.enter.0"].scale
    narrow = scored(kit, with_activation(kit, made.recipe, "body.enter.0", good / 8))
    worst = next(iter(narrow))
    assert worst == ("depth", "activation", "body.enter.0")
    assert narrow[worst].clipped > 0.1
    coarse = scored(kit, with_activation(kit, made.recipe, "body.enter.0", good * 8))
    assert next(iter(coarse)) == worst
    assert coarse[worst].clipped == 0


def test_w8_rounds_no_activation(kit: SimpleNamespace, made: SimpleNamespace) -> None:
    assert {kind for _, kind, _ in scored(kit, made.recipe, "w8")} == {"weight"}
