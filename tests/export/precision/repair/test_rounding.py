from itertools import product

import pytest
import torch
from ldikit.export.precision.fake import FakeQuantized
from ldikit.export.precision.repair import rounding
from ldikit.export.precision.repair.rounding import round_weights, rounded_jointly
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.affine import symmetric_scales
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.qdq import weight_of
from ldikit.reference.quantized.recipe import NetworkRecipe, Recipe
from ldikit.reference.quantized.trace import ATEN


@pytest.fixture(scope="module")
def recipe(runs) -> Recipe:  # type: ignore[no-untyped-def]
    """Weights at a quarter of their precision, activations float."""
    graph = runs.networks(32, 64)["depth"].graph
    points = find_points(graph)
    weights = {
        points.layers[node.name]: tuple((4 * symmetric_scales(weight_of(graph, node))).tolist())
        for node in graph.graph.nodes
        if node.name in points.layers
    }
    return Recipe("uneven", {}, {"depth": NetworkRecipe({}, weights, points.float_layers)}).weights_only()


def test_two_equal_inputs_keep_their_sum() -> None:
    # Both weights see the same value: 0.4 and 0.4 of a step are 0 and 1 together, never 0 and 0.
    weight, both = torch.tensor([[0.4, 0.4]]), torch.ones(2, 2)
    assert rounded_jointly(weight, torch.tensor([1.0]), both).sum() == 1
    # Independent inputs: each goes to the nearest number.
    assert rounded_jointly(weight, torch.tensor([1.0]), torch.eye(2)).tolist() == [[0.0, 0.0]]


def test_it_comes_from_the_nearest_numbers_towards_the_best_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    gained = []
    for _ in range(20):
        mixing = torch.randn(4, 6, generator=generator)
        square = mixing @ mixing.T
        weight = 3 * torch.randn(1, 4, generator=generator)

        def error(
            candidate: torch.Tensor, weight: torch.Tensor = weight, square: torch.Tensor = square
        ) -> float:
            left = candidate - weight
            return float(left @ square @ left.T)

        found = error(rounded_jointly(weight, torch.ones(1), square))
        choices = [torch.tensor([c]) for c in product(*[(f, f + 1) for f in weight[0].floor().tolist()])]
        best, nearest = min(map(error, choices)), error(weight.round())
        gained.append((nearest - found) / (nearest - best) if nearest > best + 1e-6 else 0.0)
    assert sum(gained) / len(gained) > 0.3


def test_every_output_may_have_inputs_of_its_own() -> None:
    weight = torch.tensor([[0.4, 0.4], [0.4, 0.4]])
    own = torch.stack([torch.ones(2, 2), torch.eye(2)])
    result = rounded_jointly(weight, torch.ones(2), own)
    assert result.sum(1).tolist() == [1.0, 0.0]


def test_weights_lie_on_the_steps_and_the_network_comes_nearer(runs, with_weights, recipe, photos) -> None:  # type: ignore[no-untyped-def]
    graph = runs.networks(32, 64)["depth"].graph
    weights = round_weights(runs, recipe, photos)
    network = recipe.networks["depth"]
    own = dict(graph.named_parameters())
    assert weights.keys() == {f"depth.{name}" for name in own}
    for name, weight in weights.items():
        layer = name.removeprefix("depth.").removesuffix(".weight")
        if layer in network.weights:
            steps = weight / torch.tensor(network.weights[layer]).view(-1, 1, 1, 1)
            torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-4)
            assert float(steps.abs().max()) <= 127.001
        else:
            assert torch.equal(weight, own[name.removeprefix("depth.")])
    changed = with_weights(weights).networks(32, 64)["depth"].graph
    errors = []
    for candidate in (graph, changed):
        rounded = FakeQuantized(candidate, network)
        with torch.no_grad():
            errors.append(sum(float((rounded(p) - graph(p)).square().mean()) for p in photos))
    assert errors[1] < 0.5 * errors[0]


def test_inputs_of_layers_are_what_they_multiply() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(1, 6, 9, 7, generator=generator)
    for groups, outputs in ((1, 4), (6, 6), (3, 6)):
        weight = torch.randn(outputs, 6 // groups, 3, 3, generator=generator)
        wanted = ATEN.conv2d.default(values, weight, None, [2, 2], [1, 1], [1, 1], groups)[0].flatten(1)
        inputs = rounding._patches(values, weight, None, [2, 2], [1, 1], [1, 1], groups)
        equation = "oi,ip->op" if groups == 1 else "oi,oip->op"
        found = torch.einsum(equation, weight.flatten(1), inputs)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    linear = torch.randn(5, 7, generator=generator)
    wanted = ATEN.linear.default(values, linear).reshape(-1, 5).T
    torch.testing.assert_close(linear @ rounding._linear(values, linear), wanted, rtol=1e-5, atol=1e-5)


def test_no_photo(runs, recipe) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no photo"):
        round_weights(runs, recipe, [])


def test_weights_on_their_steps_stay_there_down_to_the_lowest_value() -> None:
    weight = torch.tensor([[-128.0, 100.0, 7.0]]) / 64
    scales, products = torch.tensor([1 / 64]), torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(rounded_jointly(weight, scales, products, -128), weight)
    assert float(rounded_jointly(weight, scales, products).min()) == -127 / 64
