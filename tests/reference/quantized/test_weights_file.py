from pathlib import Path

import pytest
import torch
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.program import load_graph_weights
from ldikit.reference.quantized.qdq import quantize_graph
from ldikit.reference.quantized.recipe import NetworkRecipe, Recipe
from ldikit.reference.quantized.trace import trace
from ldikit.reference.quantized.weights_file import read_weights, write_weights
from safetensors.torch import load_file, save_file
from torch import fx, nn


@pytest.fixture
def graphs() -> dict[str, fx.GraphModule]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1))
    return {"depth": trace(network.eval(), "depth", 32, 32)}


@pytest.fixture
def recipe() -> Recipe:
    light = {"0": "light"}
    return Recipe("p", {}, {"depth": NetworkRecipe({}, {"0": (0.01, 0.02)}, {}, light)}, repairs=("bias",))


def test_what_is_read_rounds_to_itself(
    tmp_path: Path, graphs: dict[str, fx.GraphModule], recipe: Recipe
) -> None:
    path = tmp_path / "recipe.safetensors"
    weights = {f"depth.{name}": p for name, p in graphs["depth"].named_parameters()}
    write_weights(path, weights, recipe)
    held = load_file(path)
    assert {name: tensor.dtype for name, tensor in held.items()} == {
        "depth.0.weight": torch.int8,
        "depth.0.bias": torch.float32,
        "depth.2.weight": torch.float32,
        "depth.2.bias": torch.float32,
    }
    torch.testing.assert_close(
        held["depth.0.weight"][1].float(), (weights["depth.0.weight"][1] / 0.02).round()
    )
    read = read_weights(path, recipe)
    photo = torch.rand(1, 3, 32, 32)
    before = quantize_graph(graphs["depth"], recipe.networks["depth"])(photo)
    load_graph_weights(graphs["depth"], "depth", read)
    after = quantize_graph(graphs["depth"], recipe.networks["depth"])(photo)
    torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_weights_of_another_recipe(tmp_path: Path, graphs: dict[str, fx.GraphModule], recipe: Recipe) -> None:
    path = tmp_path / "recipe.safetensors"
    with pytest.raises(InputError, match="are missing: keep them beside the recipe"):
        read_weights(path, recipe)
    path.write_bytes(b"no tensors")
    with pytest.raises(InputError, match="cannot read the recipe's weights"):
        read_weights(path, recipe)
    save_file({"depth.0.weight": torch.zeros(2, 3, 1, 1)}, path)
    with pytest.raises(InputError, match=r"is of another recipe: depth.0.weight"):
        read_weights(path, recipe)
    # Every parameter that does not fit is named.
    save_file({f"depth.{k}.extra": torch.zeros(2, dtype=torch.int8) for k in (4, 2, 3, 1, 5)}, path)
    with pytest.raises(InputError, match=r"recipe: " + ", ".join(rf"depth\.{k}\.extra" for k in range(1, 6))):
        read_weights(path, recipe)
    save_file({"depth.0.weight": torch.zeros(5, 3, 1, 1, dtype=torch.int8)}, path)
    with pytest.raises(InputError, match=r"is of another recipe: depth.0.weight"):
        read_weights(path, recipe)


def test_the_weights_of_the_inpainting_network_stand_behind_a_wrapper(tmp_path: Path) -> None:
    recipe = Recipe("p", {}, {"inpaint": NetworkRecipe({}, {"enter.0": (0.5,)})}, repairs=("bias",))
    path = tmp_path / "recipe.safetensors"
    write_weights(path, {"inpaint.network.enter.0.weight": torch.tensor([[[[1.2]]]])}, recipe)
    assert load_file(path)["inpaint.network.enter.0.weight"].dtype == torch.int8
    assert float(read_weights(path, recipe)["inpaint.network.enter.0.weight"]) == 1.0
