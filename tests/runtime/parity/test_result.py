import json
import math

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.parity.result import CandidateResult, GateResult, ParityReport


def candidate(verdict="pass", **fields):
    return CandidateResult("onnx", "fp16", "onnxruntime", False, 10, verdict=verdict, **fields)


@pytest.mark.parametrize(
    ("verdicts", "truth", "code"),
    [
        (["pass", "pass"], True, 0),
        (["pass", "fail"], False, 1),
        (["fail", "not_verified"], False, 1),
        (["pass", "not_verified"], False, 3),
        ([], False, 3),
    ],
)
def test_verdict_and_exit_code(verdicts, truth, code):
    report = ParityReport([candidate(v) for v in verdicts])
    assert (bool(report), report.exit_code) == (truth, code)


def test_written_and_read_again(tmp_path):
    gates = [GateResult("ldi.gap_iou", 0.99, 0.995, 3, True), GateResult("views.psnr", 42, None, None, False)]
    report = ParityReport(
        [candidate(gates=gates, ldi={"gap_iou": {"worst": 0.995, "worst_photo": 3}})], ("one left out",)
    )
    report.write(tmp_path / "parity.json")
    assert ParityReport.read(tmp_path / "parity.json") == report
    content = json.loads((tmp_path / "parity.json").read_text())
    assert (content["schema_version"], content["metric_spec"]) == (1, 1)
    # the fields that the schema promises
    assert set(content["candidates"][0]) >= {
        "format", "precision", "backend", "simulated", "photos", "ldi", "views", "tensors", "stages",
        "error_budget", "gates", "verdict",
    }  # fmt: skip
    fields = {"name", "limit", "value", "worst_photo", "passed", "measured_on"}
    assert set(content["candidates"][0]["gates"][0]) == fields
    report.write(tmp_path / "parity.json")  # over the older one
    assert [p.name for p in tmp_path.iterdir()] == ["parity.json"]


def test_numbers_that_json_cannot_hold_become_null(tmp_path):
    gates = [GateResult("views.psnr", 42, math.nan, 1, False)]
    report = ParityReport([candidate("fail", gates=gates, ldi={"a": np.float32(0.5), "b": [math.inf]})])
    report.write(tmp_path / "parity.json")
    saved = json.loads((tmp_path / "parity.json").read_text())["candidates"][0]
    assert saved["gates"][0]["value"] is None
    assert saved["ldi"] == {"a": 0.5, "b": [None]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected an object"),
        ({"schema_version": 2, "metric_spec": 1, "candidates": []}, "schema_version must be 1, got 2"),
        ({"schema_version": 1, "candidates": []}, "metric_spec must be 1, got None"),
        ({"schema_version": 1, "metric_spec": 1}, "not as the schema says"),
        ({"schema_version": 1, "metric_spec": 1, "candidates": [{"gates": []}]}, "not as the schema says"),
        ({"schema_version": 1, "metric_spec": 1, "candidates": [3]}, "not as the schema says"),
    ],
)
def test_other_content_is_refused(content, message):
    with pytest.raises(InputError, match=message):
        ParityReport.from_json(content)


def test_unreadable_files_and_unknown_verdicts(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        ParityReport.read(tmp_path / "missing.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        ParityReport.read(tmp_path / "bad.json")
    with pytest.raises(InputError, match="verdict"):
        candidate("maybe")
