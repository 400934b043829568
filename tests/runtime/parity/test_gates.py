import json
import math

import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.parity.aggregate import aggregate, higher_is_better
from ldikit.runtime.parity.gates import DEFAULT_GATES, judge, load_gates, merge_gates, needs


def photo(gap_iou=1.0, psnr=60.0, inside=40.0, flip=0.0, violations=0, nonfinite=0):
    return {
        "ldi": {"gap_iou": gap_iou, "order_violations": violations, "nonfinite": nonfinite},
        "views": {
            "worst": {"psnr": psnr, "psnr_disoccluded": inside, "flip": flip},
            "median": {"psnr": 99.0},
            "views": [{"psnr": 99.0}],
        },
    }


def test_aggregate_names_the_worst_photo():
    scores = aggregate([photo(0.9, flip=0.01), photo(0.8, flip=0.03), photo(1.0, flip=0.02)])
    assert scores["ldi.gap_iou"] == {"worst": 0.8, "worst_photo": 1, "median": 0.9, "photos": 3}
    assert scores["views.flip"] == {"worst": 0.03, "worst_photo": 1, "median": 0.02, "photos": 3}
    assert scores["views.psnr"]["worst"] == 60  # the worst view, not the median view


def test_aggregate_of_unmeasured_and_of_nan():
    scores = aggregate([photo(inside=None), photo(inside=33.0), photo(psnr=math.nan)])
    assert scores["views.psnr_disoccluded"]["worst_photo"] == 1
    assert scores["views.psnr_disoccluded"]["photos"] == 2
    assert math.isnan(scores["views.psnr"]["worst"])
    assert scores["views.psnr"]["worst_photo"] == 2
    nothing = aggregate([photo(inside=None)])["views.psnr_disoccluded"]
    assert nothing == {"worst": None, "worst_photo": None, "median": None, "photos": 0}
    assert aggregate([]) == {}


def test_directions():
    for name in ("ldi.gap_iou_layer2", "views.psnr_disoccluded", "tensors.color.sqnr_db", "views.ssim"):
        assert higher_is_better(name)
    for name in ("views.flip_disoccluded", "ldi.disparity_l1_layer1", "ldi.order_violations", "x.max_abs"):
        assert not higher_is_better(name)


def test_default_gates_are_those_of_the_design():
    assert DEFAULT_GATES["fp32"] == {
        "ldi.order_violations": 0,
        "tensors.disparity.p99_abs": 1e-5,
        "tensors.color.p99_abs": 1e-5,
        "ldi.gap_iou": 0.999,
        "views.psnr": 50,
    }
    assert DEFAULT_GATES["fp16"] == {"ldi.order_violations": 0, "ldi.gap_iou": 0.99, "views.psnr": 42}
    assert DEFAULT_GATES["int8"] == {
        "ldi.order_violations": 0,
        "ldi.gap_iou": 0.93,
        "views.psnr": 38,
        "views.psnr_disoccluded": 30,
        "views.flip": 0.05,
    }


def test_whatever_rounds_weights_has_the_gates_of_int8():
    for precision in ("w8", "p6", "p4"):
        assert DEFAULT_GATES[precision] == DEFAULT_GATES["int8"]
        assert DEFAULT_GATES[precision] is not DEFAULT_GATES["int8"]


def test_gates_say_on_how_many_photos_there_was_something_to_measure():
    scores = aggregate([photo(inside=None), photo()])
    gates = {gate.name: gate.measured_on for gate in judge(scores, "int8", hidden=1)[0]}
    assert gates["ldi.gap_iou"] == 1
    assert gates["views.psnr"] == 2
    assert gates["views.psnr_disoccluded"] == 1
    assert {gate.name: gate.measured_on for gate in judge(scores, "int8")[0]}["ldi.gap_iou"] == 2


@pytest.mark.parametrize(
    ("scores", "verdict", "failing"),
    [
        (
            {"gap_iou": 0.93, "psnr": 38.0, "inside": 30.0, "flip": 0.05},
            "pass",
            set(),
        ),  # exactly on the limits
        ({"gap_iou": 0.9299}, "fail", {"ldi.gap_iou"}),
        ({"psnr": 37.99}, "fail", {"views.psnr"}),
        ({"inside": 29.9}, "fail", {"views.psnr_disoccluded"}),
        ({"flip": 0.0501}, "fail", {"views.flip"}),
        ({"violations": 1}, "fail", {"ldi.order_violations"}),
        ({"nonfinite": 3}, "fail", {"nonfinite"}),
        ({"gap_iou": math.nan}, "fail", {"nonfinite", "ldi.gap_iou"}),
        ({"inside": None}, "not_verified", {"views.psnr_disoccluded"}),
        ({"inside": None, "psnr": 10.0}, "fail", {"views.psnr_disoccluded", "views.psnr"}),
    ],
)
def test_one_bad_photo_fails(scores, verdict, failing):
    only = [photo(**scores)] if scores.get("inside", 1) is None else [photo(), photo(**scores), photo()]
    gates, found = judge(aggregate(only), "int8")
    assert found == verdict
    assert {gate.name for gate in gates if not gate.passed} == failing
    for gate in gates:
        if not gate.passed and gate.value is not None:
            assert gate.worst_photo == len(only) // 2


def test_a_median_cannot_save_a_photo():
    _, verdict = judge(aggregate([photo()] * 99 + [photo(gap_iou=0.5)]), "int8")
    assert verdict == "fail"


def test_an_unjudged_metric_that_is_not_finite_fails_too():
    scores = photo()
    scores["tensors"] = {"color": {"max_abs": math.inf}}
    gates, verdict = judge(aggregate([photo(), scores]), "fp32")
    assert verdict == "fail"
    assert (gates[0].name, gates[0].value, gates[0].worst_photo) == ("nonfinite", 1, 1)


def test_nothing_measured_is_never_a_pass():
    gates, verdict = judge({}, "fp32")
    assert verdict == "not_verified"
    assert not any(gate.passed for gate in gates)


def test_unknown_precision():
    with pytest.raises(InputError, match="int4"):
        judge({}, "int4")


def test_gates_file_toml_and_json(tmp_path):
    toml = tmp_path / "gates.toml"
    toml.write_text('[int8]\nldi.gap_iou = 0.97\n"views.ssim" = 0.9\n')
    as_json = tmp_path / "gates.json"
    as_json.write_text(json.dumps({"int8": {"ldi": {"gap_iou": 0.97}, "views.ssim": 0.9}}))
    for path in (toml, as_json):
        gates = load_gates(path)
        assert gates["int8"] == {**DEFAULT_GATES["int8"], "ldi.gap_iou": 0.97, "views.ssim": 0.9}
        assert gates["fp16"] == DEFAULT_GATES["fp16"]
    assert DEFAULT_GATES["int8"]["ldi.gap_iou"] == 0.93  # the defaults are not written over
    assert needs("views.ssim", "int8", load_gates(toml)) and not needs("views.ssim", "int8")
    assert needs("views.flip", "int8") and not needs("views.flip", "fp32")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[int8\n", "not valid TOML"),
        ("[int4]\nldi.gap_iou = 1\n", "unknown precision 'int4'"),
        ("[int8]\nldi.gapiou = 1\n", "unknown metric 'ldi.gapiou'"),
        ("[int8]\nnonfinite = 5\n", "unknown metric 'nonfinite'"),
        ('[int8]\nldi.gap_iou = "high"\n', "must be a number"),
        ("[int8]\nldi.gap_iou = true\n", "must be a number"),
        ("[int8]\nldi.gap_iou = nan\n", "must be a number"),
        ("int8 = 3\n", "must be a table"),
    ],
)
def test_bad_gates_files(tmp_path, text, message):
    path = tmp_path / "gates.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_gates(path)
    assert "\n" not in str(error.value)


def test_gates_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load_gates(tmp_path / "missing.toml")
    with pytest.raises(InputError, match=r"\.toml or \.json"):
        load_gates(tmp_path / "gates.yaml")
    binary = tmp_path / "gates.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not valid JSON"):
        load_gates(binary)
    with pytest.raises(InputError, match="expected a table"):
        merge_gates([1, 2])
