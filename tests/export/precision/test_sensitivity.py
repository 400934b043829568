import json

import numpy as np
import pytest
import torch
from ldikit.export.precision import workbench
from ldikit.export.precision.sensitivity import measure_sensitivity, only
from ldikit.export.precision.workbench import Depth, Workbench
from ldikit.reference.errors import InputError
from ldikit.reference.pipeline import as_ldi
from ldikit.reference.quantized.program import quantized_program
from ldikit.runtime.parity.ldi_metrics import compare_ldi
from ldikit.runtime.parity.views import compare_views

LAYERS = ("depth/enter", "depth/middle", "inpaint/widen.2.0")


def test_a_score_is_what_parity_says_of_the_torchao_program(bench: Workbench) -> None:
    program, picture = bench._build(64, 96), bench._photos[1].photo
    with torch.no_grad():
        reference = as_ldi(program(picture))
        candidate = as_ldi(quantized_program(program, bench.recipe, 64, 96)(picture))
    scores = bench.score(bench.int8(), 1, Depth.FLIP)
    ldi, views = compare_ldi(reference, candidate), compare_views(reference, candidate)["worst"]
    assert scores["depth.mean_abs"] == pytest.approx(
        float(np.abs(candidate.disparity[0] - reference.disparity[0]).mean()), rel=1e-5
    )
    assert 0 < scores["depth.mean_abs"] < 0.05
    assert scores["ldi.gap_iou"] == ldi["gap_iou"]
    assert scores["ldi.order_violations"] == ldi["order_violations"] == 0
    for metric in ("psnr", "psnr_disoccluded", "flip"):
        assert scores[f"views.{metric}"] == pytest.approx(views[metric], rel=1e-6)
    assert views["psnr_disoccluded"] is not None


def test_what_is_remembered_changes_no_score(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "REMEMBERED", 1)
    photos = [(photo.name, photo.photo) for photo in bench._photos]
    other = Workbench(bench._build, bench.recipe, photos)
    assert [bool(photo.known) for photo in other._photos] == [True, False]
    for photo in range(2):
        assert other.score(other.int8(), photo) == bench.score(bench.int8(), photo)


def test_a_score_goes_no_further_than_is_wanted(bench: Workbench) -> None:
    asked: list[Depth] = []

    def enough(level: Depth, scores: dict[str, float | None]) -> bool:
        asked.append(level)
        return "views.psnr" in scores

    scores = bench.score(bench.int8(), 0, Depth.FLIP, enough)
    assert asked == [Depth.LAYERS, Depth.VIEWS] and "views.flip" not in scores
    assert scores == bench.score(bench.int8(), 0, Depth.VIEWS)


def test_float_networks_lose_nothing(bench: Workbench) -> None:
    scores = bench.score({"depth": None, "inpaint": None}, 0, Depth.VIEWS)
    assert scores["depth.mean_abs"] < 1e-7
    assert scores["ldi.gap_iou"] > 0.99999
    assert bench.score(bench.int8(dict.fromkeys(bench.layers, "x")), 0)["depth.mean_abs"] < 1e-7


def test_each_layer_alone_and_all_but_each(bench: Workbench) -> None:
    found = measure_sensitivity(bench, LAYERS)
    effects = {entry.layer: entry for entry in found.layers}
    assert effects.keys() == set(LAYERS) and found.photos == ("card", "other")
    # An inpainting layer changes no disparity of the visible layer.
    painting = effects["inpaint/widen.2.0"]
    assert painting.quantized_alone.disparity < 1e-7
    assert painting.left_float.disparity == found.all_int8.disparity
    for name in ("depth/enter", "depth/middle"):
        assert effects[name].quantized_alone.disparity > 1e-5
        assert effects[name].left_float.disparity != found.all_int8.disparity
        assert effects[name].left_float.view_psnr is None
    assert found.layers[0].left_float.disparity == min(e.left_float.disparity for e in found.layers)
    assert json.loads(json.dumps(found.to_json()))["layers"][0]["layer"] == found.layers[0].layer


def test_one_layer_alone(bench: Workbench) -> None:
    networks = only(bench, "depth/middle")
    assert networks["inpaint"] is None
    assert set(networks["depth"].weights) == {"middle"}


def test_views_only_where_asked(bench: Workbench) -> None:
    found = measure_sensitivity(bench, LAYERS[:1], views=True)
    assert 20 < found.all_int8.view_psnr < 80


def test_unknown_layers_and_no_photos(bench: Workbench) -> None:
    with pytest.raises(InputError, match="no int8 layer 'depth/none'"):
        measure_sensitivity(bench, ["depth/none"])
    with pytest.raises(InputError, match="expected depth/LAYER or inpaint/LAYER"):
        bench.int8({"head": "x"})
    with pytest.raises(InputError, match="no photo"):
        Workbench(bench._build, bench.recipe, [])
