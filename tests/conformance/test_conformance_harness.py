"""The harness that runs coremltools' tests: what it counts, what it chooses, what it reports."""

import json
from pathlib import Path

import numpy as np
import pytest
from milsuite import report, runner
from milsuite.outcomes import (
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    Observation,
    Record,
    by_operation,
    one_line,
    tally,
    verdict,
)
from milsuite.patches import HALF_ATOL, HALF_RTOL, Tolerance, Unusable, is_test_code
from milsuite.suites import SUITES, Suite, sample, shard

OPS = SUITES["ops"]


def seen(predictions: int = 1, compared: bool = True, refusals: tuple[str, ...] = ()) -> Observation:
    return Observation(predictions, compared, list(refusals))


@pytest.mark.parametrize(
    ("outcome", "message", "observed", "want"),
    [
        ("passed", "", seen(), (PASSED, "")),
        ("xpassed", "", seen(), (PASSED, "")),
        ("failed", "boom", seen(), (FAILED, "boom")),
        ("failed", "boom", seen(compared=False), (FAILED, "boom")),
        (
            "passed",
            "",
            seen(compared=False),
            (NOT_APPLICABLE, "predicts, but compares no value of the result"),
        ),
        ("passed", "", seen(0, False), (NOT_APPLICABLE, "predicts nothing: checks conversion or types only")),
        ("failed", "E", seen(0, False), (NOT_APPLICABLE, "coremltools fails before the prediction: E")),
        ("skipped", "old", seen(0, False), (NOT_APPLICABLE, "coremltools skips it: old")),
        ("xfailed", "rdar", seen(), (NOT_APPLICABLE, "coremltools expects it to fail: rdar")),
        (
            "failed",
            "RuntimeError: m holds a neural network, not an ML Program",
            seen(0, False, ("m holds a neural network, not an ML Program",)),
            (NOT_APPLICABLE, "neural network format, not an ML Program"),
        ),
    ],
)
def test_only_a_compared_prediction_is_counted(
    outcome: str, message: str, observed: Observation, want: tuple[str, str]
) -> None:
    assert verdict(outcome, message, observed) == want


def test_a_message_is_one_line_that_does_not_change_from_run_to_run() -> None:
    numpy_report = """AssertionError:
        Not equal to tolerance rtol=1e-05, atol=0.0001
        Max absolute difference among violations: 0.5
    """
    assert one_line(numpy_report) == "AssertionError: max absolute difference among violations: 0.5"
    assert (
        one_line("RuntimeError: /tmp/a1/x.mlpackage: object at 0x7f12")
        == "RuntimeError: the model: object at 0x…"
    )
    assert len(one_line("x" * 999)) == 160


def test_a_sample_is_stable_nested_and_of_its_size() -> None:
    nodes = [f"iOS14/test_conv.py::TestConv::test[{i}]" for i in range(4000)]
    tenth = sample(nodes, 0.1)
    assert 320 < len(tenth) < 480
    assert tenth == sample(nodes, 0.3)[: len(tenth)]
    assert sorted(sample(nodes, 1.0)) == sorted(nodes)
    assert len(sample(["a[<f at 0x7f01>]"], 0.37)) == len(sample(["a[<f at 0x7e99>]"], 0.37))
    halves = [sum(shard(node, 2) == i for node in tenth) for i in (0, 1)]
    assert sum(halves) == len(tenth)
    assert min(halves) > 0.35 * len(tenth)


def test_a_sample_can_have_a_case_of_every_function() -> None:
    nodes = [f"test_a.py::test_{name}[{i}]" for name in "xyz" for i in range(20)]
    chosen = sample(nodes, 0.0, each=True)
    assert sorted(node.split("[")[0][-1] for node in chosen) == ["x", "y", "z"]
    assert set(chosen) < set(sample(nodes, 0.2, each=True))


def test_a_test_counts_for_each_of_its_operations() -> None:
    records = [
        Record("a", PASSED, "", ("add", "conv"), 0.1),
        Record("b", FAILED, "wrong", ("conv",), 0.1),
        Record("c", NOT_APPLICABLE, "neural network format", ("conv",), 0.1),
        Record("d", NOT_APPLICABLE, "predicts nothing", (), 0.1),
    ]
    count = tally(records)
    assert (count.passed, count.failed, count.not_applicable, count.rate) == (1, 1, 2, 0.5)
    operations = by_operation(records)
    assert list(operations) == ["add", "conv"]
    assert (operations["conv"].run, operations["conv"].not_applicable) == (2, 1)
    assert operations["add"].rate == 1


def compare(actual: np.ndarray, atol: float = 1e-4, rtol: float = 1e-5) -> dict[str, float]:
    """As coremltools' comparing functions do: widen by themselves."""
    return TOLERANCE.apply({"atol": max(atol * 100, 0.5), "rtol": max(rtol * 100, 0.05)})


TOLERANCE = Tolerance()


def test_the_tolerance_is_the_tests_own_or_that_of_half_precision() -> None:
    run = TOLERANCE.instead_of_its_own(compare)
    x = np.zeros(1)
    TOLERANCE.half = False
    assert run(x) == {"atol": 1e-4, "rtol": 1e-5}
    TOLERANCE.half = True
    assert run(x) == {"atol": HALF_ATOL, "rtol": HALF_RTOL}
    assert run(x, atol=0.1, rtol=1e-5) == {"atol": 0.1, "rtol": HALF_RTOL}
    assert compare(x) == {"atol": 0.5, "rtol": 0.05}  # outside of the function nothing is changed


def test_what_is_test_code() -> None:
    folder = "/site-packages/coremltools/converters/mil"
    assert is_test_code(f"{folder}/mil/ops/tests/iOS14/test_conv.py")
    assert is_test_code(f"{folder}/testing_utils.py")
    assert not is_test_code(f"{folder}/mil/ops/defs/iOS15/conv.py")
    assert not is_test_code("/site-packages/other/tests/test_x.py")


def test_a_missing_package_skips_the_test_that_uses_it() -> None:
    missing = Unusable("vision is not installed")
    assert not hasattr(missing, "__test__")
    assert not hasattr(missing, "pytestmark")
    with pytest.raises(pytest.skip.Exception, match="vision is not installed"):
        missing.models.net()


def test_the_test_that_was_running_in_a_crash_is_found(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    assert runner.unfinished(records) is None
    lines = [{"node": "a", "started": True}, {"node": "a", "verdict": PASSED}, {"node": "b", "started": True}]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert runner.unfinished(records) == "b"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines[:2]))
    assert runner.unfinished(records) is None


def result(passed: int, failed: int) -> report.Result:
    records = [Record(f"p{i}", PASSED, "", ("add",), 0.1) for i in range(passed)]
    records += [Record(f"f{i}", FAILED, "off by one", ("add",), 0.1) for i in range(failed)]
    return report.Result(OPS, 0.5, records, {"test_x.py": "no module"})


def test_a_result_is_good_if_enough_passed_and_every_failure_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "explanations.toml"
    monkeypatch.setattr(report.explanations, "__defaults__", (file,))
    file.write_text("")
    assert result(199, 0).good
    assert not result(0, 0).good
    assert not result(199, 1).good
    file.write_text("[[explanation]]\npattern = '^ops f\\d+: off by'\nwhy = 'counted from one'\n")
    assert result(199, 1).good
    assert not result(198, 2).good  # 99 %, and 99.5 % is wanted


def test_the_report_names_every_failure_and_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "explanations.toml"
    file.write_text("[[explanation]]\npattern = 'f0'\nwhy = 'counted from one'\n")
    monkeypatch.setattr(report.explanations, "__defaults__", (file,))
    path = tmp_path / "report.md"
    report.write(path, [result(8, 2)], "python run.py")
    text = path.read_text()
    assert "**8 passed, 2 failed (80.00%)**" in text
    assert "- `f0`: off by one — counted from one" in text
    assert "- `f1`: off by one — **not explained**" in text
    assert "| `add` | 10 | 8 | 2 | 0 |" in text
    assert "- `test_x.py`: no module" in text
    assert "failed, not explained: f1: off by one" in report.summary([result(8, 2)])


TESTS = """
import os, time
import numpy as np, pytest
import coremltools as ct
from coremltools.converters.mil import Builder as mb

def model(convert_to="mlprogram"):
    @mb.program(input_specs=[mb.TensorSpec(shape=(2,))])
    def program(x):
        return mb.mul(x=x, y=2.0, name="y")
    return ct.convert(program, convert_to=convert_to, compute_precision=None)

X = {"x": np.array([1.0, 2.0])}

def test_right():
    np.testing.assert_allclose(model().predict(X)["y"], [2, 4], atol=1e-3)
def test_wrong():
    np.testing.assert_allclose(model().predict(X)["y"], [2, 5], atol=1e-3)
def test_not_compared():
    assert model().predict(X)["y"].shape == (2,)
def test_not_predicted():
    np.testing.assert_allclose(np.ones(2), 1)
    model()
def test_neural_network():
    with pytest.raises(RuntimeError, match="neural network"):
        model("neuralnetwork").predict(X)
def test_macos_only():
    if not ct.utils._is_macos():
        pytest.skip("no prediction off the Mac")
    np.testing.assert_allclose(model().predict(X)["y"], [2, 4], atol=1e-3)
def test_too_long():
    model().predict(X)
    time.sleep(60)
def test_crash():
    model().predict(X)
    os._exit(11)
"""


@pytest.mark.slow
def test_a_suite_from_start_to_end(tmp_path: Path) -> None:
    pytest.importorskip("coremltools", reason="the coreml extra is not installed")
    root = tmp_path / "coremltools"
    (root / "mini" / "tests").mkdir(parents=True)
    (root / "mini" / "tests" / "test_mini.py").write_text(TESTS)
    (root / "mini" / "tests" / "test_broken.py").write_text("import no_such_module\n")
    suite = Suite("mini", "Mini", "mini/tests", 1.0, False, 0.9)
    done = runner.run(suite, root, tmp_path, limit=20)
    verdicts = {record.node.split("::")[1]: (record.verdict, record.reason) for record in done.records}
    assert {name: verdict for name, (verdict, _) in verdicts.items()} == {
        "test_right": PASSED,
        "test_macos_only": PASSED,
        "test_wrong": FAILED,
        "test_too_long": FAILED,
        "test_crash": FAILED,
        "test_not_compared": NOT_APPLICABLE,
        "test_not_predicted": NOT_APPLICABLE,
        "test_neural_network": NOT_APPLICABLE,
    }
    assert "over the time limit" in verdicts["test_too_long"][1]
    assert "interpreter died" in verdicts["test_crash"][1]
    assert "no_such_module" in done.modules["test_broken.py"]
    right = next(record for record in done.records if record.node.endswith("test_right"))
    assert "mul" in right.operations
    again = runner.run(suite, root, tmp_path, limit=20)
    assert again.records == done.records  # all of them are on file already
