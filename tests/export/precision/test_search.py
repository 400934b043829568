import json

import pytest
from ldikit.export.precision.search import search_precision
from ldikit.export.precision.sensitivity import only
from ldikit.export.precision.workbench import Depth, Workbench
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.recipe import Recipe

DEPTH = ("depth/enter", "depth/middle")


def worst_iou(bench: Workbench, layers: tuple[str, ...] = (), light: tuple[str, ...] = ()) -> float:
    networks = bench.int8(dict.fromkeys(layers, "x"), dict.fromkeys(light, "x"))
    return min(bench.score(networks, photo, Depth.LAYERS)["ldi.gap_iou"] for photo in range(2))


def test_all_int8_where_that_is_enough(bench: Workbench) -> None:
    result = search_precision(bench, {"ldi.gap_iou": 0.1})
    assert result.passed and result.recipe == bench.recipe
    assert [point.float_layers for point in result.points] == [()]
    assert result.chosen.view_psnr is None  # no gate asked for views


def test_layers_are_left_float_until_the_gate_is_kept(bench: Workbench) -> None:
    before, after = worst_iou(bench), worst_iou(bench, DEPTH)
    assert before < after
    limit = before + 0.5 * (after - before)
    result = search_precision(bench, {"ldi.gap_iou": limit}, margin=0.0, spread=0.0, may_be_float=DEPTH)
    assert result.passed and result.chosen.gap_iou >= limit
    wholly, light = result.chosen.float_layers, result.chosen.weight_only_layers
    assert wholly + light and {*wholly, *light} <= set(DEPTH)
    recipe = Recipe.from_json(result.recipe.to_json()).networks["depth"]
    assert set(recipe.weight_only_layers) == {layer.removeprefix("depth/") for layer in light}
    for layer in wholly + light:
        alone = [bench.score(only(bench, layer), photo)["ldi.gap_iou"] for photo in range(2)]
        said = {**recipe.float_layers, **recipe.weight_only_layers}[layer.removeprefix("depth/")]
        assert said.endswith(
            f" by the search: with it alone in int8 the worst photo has gap IoU {min(alone):.3f}"
        )
    assert worst_iou(bench, wholly, light) == result.chosen.gap_iou
    first = result.points[0]
    assert first.bytes <= result.chosen.bytes and first.cost < result.chosen.cost and not first.passed
    content = json.loads(result.to_json())
    assert content["passed"] and content["chosen"] == result.chosen.label
    assert {"label", "float_layers", "bytes", "cost", "view_psnr", "gap_iou", "passed"} <= content["points"][
        0
    ].keys()


def test_float_layers_get_their_int8_weights_back_where_the_gate_allows_it(
    bench: Workbench, coarse_bench: Workbench
) -> None:
    enter, middle = DEPTH
    # Of `bench` both weights are whole steps; of `coarse_bench` that of `middle` costs less than the other's.
    assert worst_iou(bench, (), DEPTH) == worst_iou(bench, DEPTH)
    one = worst_iou(coarse_bench, (enter,), (middle,))
    assert worst_iou(coarse_bench, (middle,), (enter,)) < one < worst_iou(coarse_bench, DEPTH)
    for own, limit, wanted in (
        (bench, worst_iou(bench, DEPTH), ()),
        (coarse_bench, one, (enter,)),
        (coarse_bench, worst_iou(coarse_bench, DEPTH), DEPTH),
    ):
        result = search_precision(own, {"ldi.gap_iou": limit}, margin=0.0, spread=0.0, may_be_float=DEPTH)
        chosen = result.chosen
        assert result.passed and chosen.gap_iou == limit
        assert chosen.float_layers == wanted
        assert chosen.weight_only_layers == tuple(layer for layer in DEPTH if layer not in wanted)
        network = result.recipe.networks["depth"]
        assert {f"depth/{layer}" for layer in network.weight_only_layers} == set(chosen.weight_only_layers)
        both = next(point for point in result.points if point.float_layers == DEPTH)
        assert chosen.cost == both.cost and (chosen == both or chosen.bytes < both.bytes)
        written = next(p for p in json.loads(result.to_json())["points"] if p["label"] == chosen.label)
        assert written["weight_only_layers"] == list(chosen.weight_only_layers)


def test_where_nothing_allowed_helps_it_says_so(bench: Workbench) -> None:
    # Float inpainting layers change nothing of the first hidden layer's place: only the depth network does.
    result = search_precision(bench, {"ldi.gap_iou": 0.9999}, may_be_float=["inpaint/widen.2.0"])
    assert not result.passed and not result.chosen.passed
    assert not json.loads(result.to_json())["passed"]


def test_views_are_judged_and_make_a_front(bench: Workbench) -> None:
    everything = bench.int8(dict.fromkeys(DEPTH, "x"))
    best = min(bench.score(everything, photo, Depth.VIEWS)["views.psnr"] for photo in range(2))
    result = search_precision(
        bench, {"views.psnr": best, "views.flip": 0.5}, margin=0.0, spread=0.0, may_be_float=DEPTH
    )
    # Their weights are whole steps: nothing is lost with them in int8.
    assert result.passed and set(result.chosen.weight_only_layers) == set(DEPTH)
    front = result.front("bytes")
    assert front[-1].view_psnr == max(point.view_psnr or 0.0 for point in result.points)
    assert [point.bytes for point in front] == sorted(point.bytes for point in front)


def test_other_photos_are_expected_to_use_more(bench: Workbench) -> None:
    lost = [1 - bench.score(bench.int8(), photo, Depth.LAYERS)["ldi.gap_iou"] for photo in range(2)]
    # With twice what the worst loses as the limit, one and a half times the root mean square is inside.
    limit = 1 - 2 * max(lost)
    mean_square = (lost[0] ** 2 + lost[1] ** 2) / 2
    for spread in (0.0, 1.5, 4.0):
        result = search_precision(bench, {"ldi.gap_iou": limit}, 0.0, spread, may_be_float=DEPTH)
        first = result.points[0]
        assert first.used == pytest.approx(0.5)
        assert first.expected == pytest.approx(spread * mean_square**0.5 / (2 * max(lost)))
        assert first.passed == (first.expected <= 1) and first.judged == "layers"
        assert json.loads(result.to_json())["spread"] == spread
    assert not first.passed and result.passed and result.chosen.cost > first.cost


def test_the_search_begins_with_the_cheapest_whole_network_that_passes(bench: Workbench) -> None:
    before, after = worst_iou(bench), worst_iou(bench, DEPTH)
    result = search_precision(bench, {"ldi.gap_iou": (before + after) / 2}, margin=0.0, spread=0.0)
    assert result.passed and not result.chosen.float_layers
    # Depth, inpainting and both with their weights alone in int8, then everything float.
    networks = [{n.partition("/")[0] for n in point.weight_only_layers} for point in result.points[1:4]]
    assert networks == [{"depth"}, {"inpaint"}, {"depth", "inpaint"}]
    assert result.points[4].float_layers == bench.layers
    # Inpainting changes nothing of where the first hidden layer is: none of it is left out of int8.
    assert set(result.chosen.weight_only_layers) <= set(DEPTH)


def test_flip_is_judged_of_what_is_chosen_and_then_of_all_that_pass(bench: Workbench) -> None:
    everything = bench.int8(None, dict.fromkeys(DEPTH, "x"))
    flips = [
        max(bench.score(networks, photo, Depth.FLIP)["views.flip"] for photo in range(2))
        for networks in (bench.int8(), everything)
    ]
    assert flips[1] < flips[0]
    limits = {"views.psnr": 10.0, "views.flip": 2 * flips[0]}
    result = search_precision(bench, limits, 0.0, 0.0, may_be_float=DEPTH)
    assert [point.judged for point in result.points] == ["flip"] and result.chosen.passed
    # All int8 passes until ꟻLIP is looked at; then the search is done again.
    limits = {"views.psnr": 10.0, "views.flip": sum(flips) / 2}
    result = search_precision(bench, limits, 0.0, 0.0, may_be_float=DEPTH)
    assert result.passed and result.chosen.judged == "flip" and result.chosen.weight_only_layers
    assert not result.points[0].passed and result.points[0].judged == "flip"


def test_only_points_whose_views_were_judged_on_all_photos_make_the_front(bench: Workbench) -> None:
    best = min(
        bench.score(bench.int8(dict.fromkeys(DEPTH, "x")), p, Depth.VIEWS)["views.psnr"] for p in (0, 1)
    )
    limits = {"ldi.gap_iou": worst_iou(bench, DEPTH), "views.psnr": best}
    result = search_precision(bench, limits, 0.0, 0.0, may_be_float=DEPTH)
    for point in result.points:
        assert (point.view_psnr is None) == (point.judged == "layers" or point.photos < 2)
    assert all(point.view_psnr is not None for point in result.front("cost"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": 1.0}, "margin must be at least 0 and below 1, got 1.0"),
        ({"limits": {"ldi.iou": 0.5}}, "cannot judge ldi.iou"),
        ({"may_be_float": ["depth/none"]}, "no int8 layer 'depth/none'"),
    ],
)
def test_what_is_refused(bench: Workbench, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        search_precision(bench, **options)
