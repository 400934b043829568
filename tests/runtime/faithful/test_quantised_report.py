import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.manifest import Manifest
from ldikit.runtime.parity.verify import verify
from ldikit.runtime.report.beside import Point, read_beside
from ldikit.runtime.report.budget import budget_rows
from ldikit.runtime.report.pareto import front, scatters
from ldikit.runtime.report.precisions import file_precisions
from ldikit.runtime.report.report import write_report

Bundles = Callable[..., Path]
EVIL = "<script>alert(1)</script>"

COVERAGE = {
    "photos": 8,
    "tensors": 40,
    "tensors_outside": 2,
    "worst": [
        {
            "tensor": "depth/stage1.0",
            "low": -1.0,
            "high": 2.0,
            "outside": 0.0012,
            "photos": [{"photo": "night.jpg", "below": 0.01, "above": 0.02, "lowest": -3, "highest": 4}],
        }
    ],
}
AUDIT = {
    "photos": ["one.jpg", "two.jpg"],
    "largest_half": 65504.0,
    "headroom": 2.0,
    "single": ["depth.network.head"],
    "too_large": ["depth.network.head"],
    "tensors": [
        {"name": "faint", "module": "a", "users": [], "peak": 0.5, "photo": "two.jpg", "subnormal": 0.125},
        {"name": "head", "module": "b", "users": [], "peak": 70000.0, "photo": "one.jpg", "subnormal": 0.0},
        {"name": "a.weight", "module": "a", "users": [], "peak": None, "photo": "", "subnormal": 0.0},
    ],
}
SEARCH = {
    "passed": True,
    "chosen": "mixed",
    "points": [
        {
            "label": label,
            "float_layers": ["depth/a"] * count,
            "bytes": size,
            "cost": cost,
            "view_psnr": psnr,
            "gap_iou": 0.95,
            "used": 0.5,
            "photos": 4,
            "passed": passed,
        }
        for label, count, size, cost, psnr, passed in (
            ("all int8", 0, 1e6, 9e8, 35.0, False),
            ("mixed", 3, 2e6, 9.5e8, 41.0, True),
            (EVIL, 9, 3e6, 12e8, 40.0, True),
            ("unmeasured", 9, 3e6, 12e8, None, False),
        )
    ],
}


def part(psnr: float | None, **more: object) -> dict:
    plane = {"max_abs": 0.5, "mean_abs": 0.1, "sqnr_db": 20.0}
    return {
        "tensors": {"disparity": plane, "color": plane},
        "steps": {"depth": {"max": 3.0, "mean": 0.5}, "inpaint_color": None},
        "ldi": {"gap_iou": 0.9},
        "views": {"psnr": psnr},
        **more,
    }


def test_shares_of_the_budget_are_of_squared_error() -> None:
    """30 dB is 1e-3 and 40 dB 1e-4 of squared error: ten parts in eleven, and one."""
    budget = {
        "photo": 0,
        "quantization": part(30.0),
        "conversion": part(40.0, includes=["fp16 rounding"]),
        "kernels": None,
        "unmeasured": {"kernels": "only simulated"},
    }
    quantization, conversion, kernels = budget_rows(budget)
    assert (quantization.share, conversion.share) == pytest.approx((10 / 11, 1 / 11))
    assert quantization.steps == (("disparity", 3.0, 0.5),)
    assert conversion.step.endswith("fp16 rounding included")
    assert (kernels.reason, kernels.psnr) == ("only simulated", None)


def test_equal_parts_have_no_share() -> None:
    budget = {"quantization": None, "conversion": part(200.0), "kernels": part(None), "unmeasured": {}}
    assert [row.share for row in budget_rows(budget)] == [0, 0, 0]
    assert budget_rows({}) == []


def test_the_front_joins_what_no_cheaper_point_equals() -> None:
    points = [(1.0, 30.0), (2.0, 29.0), (2.0, 35.0), (3.0, 35.0), (4.0, 36.0), (4.0, 36.0)]
    assert front(points) == [(1.0, 30.0), (2.0, 35.0), (4.0, 36.0)]


def test_points_stand_where_their_values_say() -> None:
    cheap = Point("a", 1e6, 1e6, 30.0, 0.9, False, False)
    dear = Point("b", 3e6, 1e6, 40.0, 0.9, True, True)
    unmeasured = Point("c", 9e6, 1e6, None, None, False, False)
    by_size, by_cost = scatters([cheap, dear, unmeasured])
    left, right = by_size.marks
    assert left.x < right.x and left.y > right.y  # more dB is higher up
    assert (left.kind, right.kind) == ("fail", "chosen")
    assert by_cost.marks[0].x == by_cost.marks[1].x
    assert len(by_cost.front.split()) == 1  # of equally cheap ones the better alone
    assert scatters([unmeasured]) == []


def test_operations_are_counted_by_precision(made: SimpleNamespace, bundle_of: Bundles) -> None:
    manifest = open_bundle(bundle_of(made.models)).manifest
    assert file_precisions(manifest) == []
    kinds = {"Conv": {"int8": 4, "fp32": 2}, "Add": {"int8": 1}}
    files = tuple(replace(f, operations=kinds, not_int8=("depth/a: Add in fp32",)) for f in manifest.files)
    first, _ = file_precisions(replace(manifest, files=files))
    assert first.totals == {"int8": 5, "fp32": 2}
    assert [kind for kind, _ in first.kinds] == ["Conv", "Add"]
    assert first.not_int8 == ("depth/a: Add in fp32",)


def test_a_page_tells_of_quantisation(made: SimpleNamespace, bundle_of: Bundles, tmp_path: Path) -> None:
    folder = bundle_of(made.models)
    (folder / "coverage.json").write_text(json.dumps(COVERAGE))
    (folder / "search.json").write_text(json.dumps(SEARCH))
    (folder / "audit.json").write_text(json.dumps(AUDIT))
    bundle = open_bundle(folder)
    listed = {"Conv": {"int8": 4, "fp32": 2}}
    files = tuple(
        replace(f, operations=listed, not_int8=(f"depth/enter: {EVIL}",)) for f in bundle.manifest.files
    )
    manifest: Manifest = replace(bundle.manifest, files=files)
    report = verify(bundle, pictures=False)
    write_report(tmp_path / "page.html", manifest, report, folder=folder)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert EVIL not in page and "&lt;script&gt;" in page
    for words in (
        "float reference → quantised reference",
        "What loses most by rounding alone",
        "given: 1 sample (one.png)",
        "2 in int8, 0 with int8 weights and float activations, 1 float",
        "2 of 40 tensors have values outside",
        "night.jpg",
        "3.000 %",
        "Precision of the operations",
        "View PSNR against size",
        "scales not the recipe",
        "3 tensors on 2 photos, against 65504",
        "depth.network.head",
        "12.50 %",
        "its result leaves the network",
        "depth/body.head, inpaint/body.head",
    ):
        assert words in page, words
    assert page.count("<circle") == 6


def test_what_the_audit_found_comes_highest_first(
    made: SimpleNamespace, bundle_of: Bundles, tmp_path: Path
) -> None:
    folder = bundle_of(made.models)
    (folder / "audit.json").write_text(json.dumps(AUDIT))
    audit = read_beside(folder, open_bundle(folder).manifest).audit
    assert audit is not None
    assert [(t.name, t.peak) for t in audit.highest] == [
        ("a.weight", None),
        ("head", 70000.0),
        ("faint", 0.5),
    ]
    assert [t.name for t in audit.faintest] == ["faint"]
    assert (audit.photos, audit.tensors, audit.single) == (2, 3, ("depth.network.head",))


def test_a_point_judged_on_fewer_photos_has_no_place_on_the_front(
    made: SimpleNamespace, bundle_of: Bundles
) -> None:
    folder = bundle_of(made.models)
    points = [{**SEARCH["points"][0], "photos": 1, "label": "one photo"}, *SEARCH["points"][1:]]
    (folder / "search.json").write_text(json.dumps({**SEARCH, "points": points}))
    found = read_beside(folder, open_bundle(folder).manifest).search
    assert {point.label: point.psnr for point in found}["one photo"] is None
    assert len(scatters(found)[0].marks) == 2


@pytest.mark.parametrize("name", ["coverage.json", "search.json", "audit.json"])
@pytest.mark.parametrize("text", ["{", "[]", '{"points": [3], "worst": [3], "photos": 1}', "[" * 10**5])
def test_damaged_files_are_refused(name: str, text: str, made: SimpleNamespace, bundle_of: Bundles) -> None:
    folder = bundle_of(made.models)
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        read_beside(folder, open_bundle(folder).manifest)
