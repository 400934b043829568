import pytest
import torch
from ldikit.export.precision.fake import FakeQuantized, leave_float
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.qdq import quantize_graph
from ldikit.reference.quantized.recipe import NetworkRecipe
from torch import fx


@pytest.mark.parametrize(
    "layers", [(), ("coarse",), ("enter.0", "project"), ("expand.0", "depthwise.0", "project", "coarse")]
)
def test_it_equals_the_torchao_program_to_the_last_bit(
    graph: fx.GraphModule, recipe: NetworkRecipe, photo: torch.Tensor, layers: tuple[str, ...]
) -> None:
    variant = leave_float(graph, recipe, dict.fromkeys(layers, "why not"))
    assert set(variant.float_layers) == {"head", *layers}
    with torch.no_grad():
        wanted = quantize_graph(graph, variant)(photo)
        found = FakeQuantized(graph, variant)(photo)
        plain = graph(photo)
    assert torch.equal(found, wanted)
    assert float((found - plain).abs().max()) > 1e-4


def test_weights_alone_and_nothing_at_all(
    graph: fx.GraphModule, recipe: NetworkRecipe, photo: torch.Tensor
) -> None:
    light = dict.fromkeys(recipe.weights, "w8")
    weights = NetworkRecipe({}, recipe.weights, recipe.float_layers, light)
    with torch.no_grad():
        assert torch.equal(FakeQuantized(graph, weights)(photo), quantize_graph(graph, weights)(photo))
        assert torch.equal(FakeQuantized(graph, None)(photo), graph(photo))
    fewer = leave_float(graph, weights, {"coarse": "x"})
    assert fewer.activations == {} and set(fewer.weight_only_layers) == recipe.weights.keys() - {"coarse"}


@pytest.mark.parametrize(
    ("wholly", "light"),
    [((), ("project",)), (("coarse",), ("enter.0", "depthwise.0")), ((), ("coarse", "project"))],
)
def test_a_layer_may_keep_its_int8_weight_and_compute_in_float(
    graph: fx.GraphModule,
    recipe: NetworkRecipe,
    photo: torch.Tensor,
    wholly: tuple[str, ...],
    light: tuple[str, ...],
) -> None:
    variant = leave_float(graph, recipe, dict.fromkeys(wholly, "a"), dict.fromkeys(light, "b"))
    assert set(variant.weight_only_layers) == set(light) and set(variant.float_layers) == {"head", *wholly}
    assert list(variant.weights) == [layer for layer in recipe.weights if layer not in wholly]
    with torch.no_grad():
        found = FakeQuantized(graph, variant)(photo)
        assert torch.equal(found, quantize_graph(graph, variant)(photo))
        # Neither an int8 layer nor a float weight gives the same.
        assert not torch.equal(found, FakeQuantized(graph, recipe)(photo))
        float_too = leave_float(graph, recipe, dict.fromkeys((*wholly, *light), "a"))
        assert not torch.equal(found, FakeQuantized(graph, float_too)(photo))


def test_a_layer_whose_weight_alone_is_int8_keeps_its_reason(
    graph: fx.GraphModule, recipe: NetworkRecipe
) -> None:
    before = leave_float(graph, recipe, {}, {"project": "long since"})
    after = leave_float(graph, before, {}, {"project": "again", "coarse": "now"})
    assert after.weight_only_layers == {"project": "long since", "coarse": "now"}
    assert leave_float(graph, before, {"project": "float"}).weight_only_layers == {}


def test_a_layer_is_one_or_the_other(graph: fx.GraphModule, recipe: NetworkRecipe) -> None:
    with pytest.raises(InputError, match="layer 'coarse' cannot be wholly float and keep an int8 weight"):
        leave_float(graph, recipe, {"coarse": "a"}, {"coarse": "b"})
    with pytest.raises(InputError, match="no int8 layer 'head'"):
        leave_float(graph, recipe, {}, {"head": "a"})


def test_what_was_computed_before_is_not_computed_again(
    graph: fx.GraphModule, recipe: NetworkRecipe, photo: torch.Tensor
) -> None:
    whole = FakeQuantized(graph, recipe)
    whole.learn(photo)
    variant = FakeQuantized(graph, leave_float(graph, recipe, {"coarse": "x"}))
    fresh = variant(photo)
    variant.known = whole.known
    before = len(whole.known)
    again = variant.watch(photo)
    assert torch.equal(list(again.values())[-1], fresh)
    shared = [node for node, value in again.items() if any(value is known for known in whole.known.values())]
    # Everything up to the sum that `coarse` takes, and nothing from it on: its result is not rounded.
    assert shared[-1] == "add" and "conv2d_4" not in shared
    assert len(whole.known) == before


def test_other_weights_are_another_result(
    graph: fx.GraphModule, recipe: NetworkRecipe, photo: torch.Tensor
) -> None:
    whole = FakeQuantized(graph, recipe)
    whole.learn(photo)
    coarser = {**recipe.weights, "project": tuple(16 * s for s in recipe.weights["project"])}
    variant = FakeQuantized(graph, NetworkRecipe(recipe.activations, coarser, recipe.float_layers))
    fresh = variant(photo)
    variant.known = whole.known
    assert torch.equal(variant(photo), fresh)
    assert not torch.equal(fresh, whole(photo))


def test_a_layer_that_is_not_int8_cannot_become_float(graph: fx.GraphModule, recipe: NetworkRecipe) -> None:
    with pytest.raises(InputError, match="no int8 layer 'head'"):
        leave_float(graph, recipe, {"head": "again"})
