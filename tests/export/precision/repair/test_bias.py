import pytest
import torch
from ldikit.export.precision.fake import FakeQuantized
from ldikit.export.precision.repair.bias import correct_biases
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.affine import affine_parameters, symmetric_scales
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.qdq import weight_of
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe, Recipe
from ldikit.reference.quantized.trace import CONVOLUTIONS, layer_of


@pytest.fixture(scope="module")
def recipe(runs) -> Recipe:  # type: ignore[no-untyped-def]
    """Coarse: weights at an eighth of their precision, ranges that clip what is large."""
    graph = runs.networks(32, 64)["depth"].graph
    points = find_points(graph)
    entry = ActivationScale(*affine_parameters(-4, 6), -4, 6, "given")
    weights = {
        points.layers[node.name]: tuple((8 * symmetric_scales(weight_of(graph, node))).tolist())
        for node in graph.graph.nodes
        if node.name in points.layers
    }
    network = NetworkRecipe(dict.fromkeys(points.activations.values(), entry), weights, points.float_layers)
    return Recipe("uneven", {}, {"depth": network})


def channel_means(graph, recipe, photos) -> dict[str, torch.Tensor]:  # type: ignore[no-untyped-def]
    """Mean over photos of what every convolution gives, before it is rounded."""
    network = FakeQuantized(graph, recipe)
    sums: dict[str, torch.Tensor] = {}
    for photo in photos:
        run = network.steps(photo)
        node, values = next(run)
        while True:
            sums[layer_of(node)] = sums.get(layer_of(node), 0) + values.mean((0, 2, 3)) / len(photos)
            try:
                node, values = run.send(values)
            except StopIteration:
                break
    return sums


def test_every_layer_has_the_mean_of_the_float_network(runs, with_weights, recipe, photos) -> None:  # type: ignore[no-untyped-def]
    graph = runs.networks(32, 64)["depth"].graph
    network = recipe.networks["depth"]
    corrected = with_weights(correct_biases(runs, recipe, photos)).networks(32, 64)["depth"].graph
    wanted = channel_means(graph, None, photos)
    before, after = (channel_means(g, network, photos) for g in (graph, corrected))
    assert list(wanted) == ["enter", "depthwise", "project", "head"]
    for layer in wanted:
        assert float((before[layer] - wanted[layer]).abs().max()) > 1e-3
        torch.testing.assert_close(after[layer], wanted[layer], rtol=0, atol=1e-5)


def test_only_biases_change(runs, recipe, photos) -> None:  # type: ignore[no-untyped-def]
    own = dict(runs.networks(32, 64)["depth"].graph.named_parameters())
    changed = correct_biases(runs, recipe, photos)
    assert changed.keys() == {f"depth.{name}" for name in own}
    for name, parameter in own.items():
        assert torch.equal(changed[f"depth.{name}"], parameter) == name.endswith("weight")


def test_stepping_with_what_was_found_is_running(runs, recipe, photos) -> None:  # type: ignore[no-untyped-def]
    graph = runs.networks(32, 64)["depth"].graph
    network = FakeQuantized(graph, recipe.networks["depth"])
    count = sum(node.target in CONVOLUTIONS for node in graph.graph.nodes)
    assert len(channel_means(graph, recipe.networks["depth"], photos[:1])) == count
    run = network.steps(photos[0])
    found = next(run)
    seen = [found]
    for _ in range(count - 1):
        found = run.send(found[1])
        seen.append(found)
    with torch.no_grad():
        assert torch.equal(torch.sigmoid(seen[-1][1]), network(photos[0]))


def test_no_photo(runs, recipe) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no photo"):
        correct_biases(runs, recipe, [])
