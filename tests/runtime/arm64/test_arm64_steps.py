"""The comparison of int8 operations, with a guest that runs here and errs where it is told to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ldikit.runtime.arm64 import steps
from ldikit.runtime.arm64.estimate import in_words, seconds
from ldikit.runtime.arm64.forced_onnx import cut_onnx
from ldikit.runtime.arm64.forced_tflite import cut_tflite
from ldikit.runtime.arm64.guest_script import MODELS
from ldikit.runtime.arm64.limits import with_host
from ldikit.runtime.arm64.steps import Difference, differences
from ldikit.runtime.manifest import ModelFile
from ldikit.runtime.parity import emulated
from ldikit.runtime.parity.emulated import check_steps
from ldikit.runtime.parity.result import FAIL, NOT_VERIFIED, PASS, CandidateResult

TinyFile = tuple[Path, ModelFile]


class HereGuest:
    """Runs the file on this machine and adds to outputs what `errs` says."""

    errs: dict[str, int] = {}  # noqa: RUF012

    def __init__(
        self, cache: Any, cpu: Any, runtime: str, path: Path, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        self.model = MODELS[runtime](str(path), inputs, outputs)
        self.inputs, self.outputs = inputs, outputs

    def __enter__(self) -> "HereGuest":
        return self

    def __exit__(self, *rest: object) -> None:
        return None

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        made = self.model.infer([inputs[name] for name in self.inputs])
        found = dict(zip(self.outputs, made, strict=True))
        for name, error in self.errs.items():
            found[name] = found[name].copy()
            found[name].flat[:3] += np.int8(error)
        return found


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> type[HereGuest]:
    monkeypatch.setattr(steps, "Guest", HereGuest)
    monkeypatch.setattr(steps, "require", lambda runtime: None)
    monkeypatch.setattr(HereGuest, "errs", {})
    return HereGuest


def test_files_are_cut_at_their_int8_tensors(onnx_file: TinyFile, tflite_file: TinyFile) -> None:
    cuts, _ = cut_onnx(onnx_file[0])
    assert [(c.name, c.operation, c.quantises) for c in cuts] == [
        ("xq", "QuantizeLinear", True),
        ("cq", "Conv", False),
    ]
    cuts, _ = cut_tflite(tflite_file[0])
    assert [(c.name, c.operation, c.quantises) for c in cuts] == [
        ("x", "QUANTIZE", True),
        ("c", "CONV_2D", False),
    ]


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_an_operation_that_errs_is_named_and_not_those_behind_it(
    kind: str, onnx_file: TinyFile, tflite_file: TinyFile, photo: np.ndarray, here: type[HereGuest]
) -> None:
    path, entry = {"onnx": onnx_file, "tflite": tflite_file}[kind]
    backend = {"onnx": "onnxruntime", "tflite": "litert"}[kind] + "@cortex-a53"
    assert differences(path, entry, backend, photo) == ([], 2)
    first, second = {"onnx": ("xq", "cq"), "tflite": ("x", "c")}[kind]
    here.errs = {f"{first}__made": 1}
    (found,), _ = differences(path, entry, backend, photo)
    assert (found.tensor, found.steps, found.values, found.quantises) == (first, 1, 3, True)
    here.errs = {f"{second}__made": 2}
    (found,), _ = differences(path, entry, backend, photo)
    assert (found.tensor, found.steps, found.of) == (second, 2, 16 * 16 * 8)
    assert str(found).endswith("3 of 2048 by up to 2 steps")


def judged(
    monkeypatch: pytest.MonkeyPatch, backend: str, found: list[Difference] | Exception
) -> CandidateResult:
    """Judge an int8 candidate of which these operations differ."""

    def differing(*rest: object) -> tuple[list[Difference], int]:
        if isinstance(found, Exception):
            raise found
        return found, 9

    monkeypatch.setattr(steps, "differences", differing)
    entry = SimpleNamespace(path="a")
    candidate = SimpleNamespace(precision="int8", runs=True, backend=backend, entries={"64x96": entry})
    case = SimpleNamespace(size="64x96", index=4, photo=None, suits=lambda entries: True)
    bundle = SimpleNamespace(path=lambda entry: Path("a"))
    result = CandidateResult("onnx", "int8", backend, False, 1, verdict=PASS)
    return check_steps(bundle, candidate, result, [case])  # type: ignore[arg-type]


def difference(steps_apart: int, quantises: bool = False) -> Difference:
    return Difference("a", "t", "Conv", quantises, steps_apart, 1, 10)


@pytest.mark.parametrize(
    ("runtime", "found", "verdict"),
    [
        ("litert", [], PASS),
        ("litert", [difference(1, quantises=True)], PASS),
        ("litert", [difference(2, quantises=True)], FAIL),
        ("litert", [difference(1)], FAIL),
        ("onnxruntime", [difference(1)], PASS),
        ("onnxruntime", [difference(1), difference(2)], FAIL),
    ],
)
def test_litert_is_judged_to_the_bit_and_onnxruntime_to_a_step(
    runtime: str, found: list[Difference], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = judged(monkeypatch, f"{runtime}@cortex-a76", found)
    assert result.verdict == verdict
    (gate,) = result.gates
    assert (gate.name, gate.passed, gate.worst_photo) == ("host.steps", verdict == PASS, 4)
    assert result.arm64["steps"]["operations"] == 9
    if verdict == FAIL:
        assert result.reason is not None and "Conv t: 1 of 10 by up to" in result.reason


def test_steps_that_cannot_be_compared_are_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    crash = emulated.BackendUnavailableError("the guest crashed (SIGILL)")
    result = judged(monkeypatch, "litert@cortex-a53", crash)
    assert result.verdict == NOT_VERIFIED
    assert result.reason == "its int8 steps cannot be compared: the guest crashed (SIGILL)"


def test_an_emulated_candidate_has_gates_of_its_own_and_others_do_not() -> None:
    limits = {"fp32": {"ldi.gap_iou": 0.999}, "int8": {"ldi.gap_iou": 0.93}}
    assert with_host(limits, "litert") == limits
    for runtime, limit in (("onnxruntime", 1e-6), ("litert", 1e-5)):
        found = with_host(limits, f"{runtime}@max")
        host = {"host.disparity.p99_abs": limit, "host.color.p99_abs": limit}
        assert found["fp32"] == {"ldi.gap_iou": 0.999, **host}
        assert found["int8"] == limits["int8"]


def test_the_estimate_grows_with_arithmetic_and_runs() -> None:
    assert seconds(2_000_000_000, "int8", 3) == pytest.approx(6 + 3 * 2 * 3.0)
    assert seconds(10**9, "fp32", 1) == pytest.approx(13)
    assert [in_words(s) for s in (0.2, 119, 120, 200)] == [
        "about 1 s",
        "about 119 s",
        "about 2 min",
        "about 3 min",
    ]
