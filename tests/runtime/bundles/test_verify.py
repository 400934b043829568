import json
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from ldikit.reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ldikit.reference.photo.resize import to_program
from ldikit.reference.pipeline import as_ldi, build_program
from ldikit.reference.render import parity_cameras, render
from ldikit.runtime.backends.protocol import backends
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.parity.verify import ParityReport, verify
from PIL import Image

Models = dict[str, onnx.ModelProto]


@pytest.fixture
def photos(kit: SimpleNamespace, tmp_path: Path) -> list[Path]:
    (tmp_path / "photos").mkdir()
    paths = []
    for index, shape in enumerate(((90, 140), (140, 90), (64, 96))):
        paths.append(tmp_path / "photos" / f"photo{index}.png")
        Image.fromarray(kit.make_photo(*shape, seed=index)).save(paths[-1])
    return paths


def edit_manifest(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_faithful_export_passes(plain_bundle: Path, photos: list[Path], tmp_path: Path) -> None:
    report = verify(plain_bundle, photos)
    assert report
    assert report.exit_code == 0
    (candidate,) = report.candidates
    assert (candidate.photos, candidate.backend, candidate.simulated) == (3, "onnxruntime", False)
    assert candidate.tensors["disparity.max_abs"]["worst"] < 1e-5
    assert candidate.error_budget["quantization"] is None
    # Bit for bit equal here: no stage has a share in an error that is not there.
    assert not any(stage["cause"] for stage in candidate.stages.values())
    assert sum(stage["share"] for stage in candidate.stages.values()) in (0.0, pytest.approx(1.0))
    assert "includes" not in candidate.error_budget["conversion"]
    assert candidate.error_budget["unmeasured"] == {"quantization": "nothing is quantised"}
    assert candidate.error_budget["conversion"]["tensors"]["disparity"]["max_abs"] < 1e-5
    assert candidate.error_budget["kernels"]["tensors"]["disparity"]["max_abs"] < 1e-5
    report.write(tmp_path / "parity.json")
    content = json.loads((tmp_path / "parity.json").read_text())
    assert content == report.to_json()
    assert content["schema_version"] == content["metric_spec"] == 1
    fields = {"format", "precision", "backend", "simulated", "photos", "ldi", "views", "tensors", "stages"}
    assert fields | {"error_budget", "gates", "verdict"} <= set(content["candidates"][0])
    parts = {"quantization", "conversion", "kernels"}
    assert set(content["candidates"][0]["error_budget"]) == parts | {"photo", "unmeasured"}
    fields = {"name", "limit", "value", "worst_photo", "passed", "measured_on"}
    assert set(content["candidates"][0]["gates"][0]) == fields
    assert list(tmp_path.glob(".parity*")) == []


def test_scores_are_those_of_the_runner_against_the_reference(
    kit: SimpleNamespace, exported: Models, bundle_of: Callable[..., Path], photos: list[Path]
) -> None:
    scaled = kit.edit(exported["64x96"], "disparity", "Mul", np.float32(1.05))
    bundle = open_bundle(bundle_of({"p.onnx": ("fp32", scaled)}))
    (candidate,) = verify(bundle, photos[2:], pictures=False).candidates
    pixels = np.asarray(Image.open(photos[2]))
    theirs = as_ldi(build_program(kit.config, 64, 96)(torch.from_numpy(to_program(pixels, 64, 96))))
    ours = bundle.runner("onnx")(pixels)
    assert np.allclose(ours.disparity, theirs.disparity * 1.05, atol=1e-5)
    largest = np.abs(ours.disparity - theirs.disparity).max()
    assert candidate.tensors["disparity.max_abs"]["worst"] == pytest.approx(largest, rel=1e-6)
    errors = [
        np.mean((render(ours, camera).rgb - render(theirs, camera).rgb).astype(np.float64) ** 2)
        for camera in parity_cameras()
    ]
    assert candidate.views["psnr"]["worst"] == pytest.approx(-10 * np.log10(max(errors)), abs=1e-6)


def test_the_golden_photo_is_the_fallback(plain_bundle: Path) -> None:
    report = verify(plain_bundle, pictures=False)
    assert report
    assert report.photos == ("photo",)
    assert report.evidence == (None,)


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        ("disparity", "depth"),
        ("channels", "input"),
        ("pixel format", "input"),
        ("occupancy", "layering"),
        ("hidden colour", "inpainting"),
    ],
)
def test_a_planted_fault_fails_and_the_right_stage_is_named(
    fault: str, stage: str, kit: SimpleNamespace, exported: Models, bundle_of: Callable[..., Path]
) -> None:
    model = exported["64x96"]
    bias = np.zeros((1, 3, 3, 1, 1), np.float32)
    bias[:, 1:, 0] = 0.3
    broken = {
        "disparity": lambda: kit.edit(model, "disparity", "Mul", np.float32(1.05)),
        "channels": lambda: kit.edit(model, "color", "Gather", np.array([2, 1, 0]), axis=2),
        "pixel format": lambda: kit.swap_input(model),
        "occupancy": lambda: kit.edit(model, "occupancy", "Mul", np.float32(0.7)),
        "hidden colour": lambda: kit.edit(model, "color", "Add", bias),
    }[fault]()
    report = verify(bundle_of({"p.onnx": ("fp32", broken)}))
    assert not report
    assert report.exit_code == 1
    (candidate,) = report.candidates
    assert candidate.verdict == "fail"
    assert [name for name, figures in candidate.stages.items() if figures["cause"]] == [stage]
    assert list(candidate.stages) == ["input", "depth", "layering", "inpainting"]
    for figures in candidate.stages.values():
        assert figures["change_out"] <= figures["made"] + figures["passed_on"] + 1e-12


def test_values_that_are_not_finite_fail(
    kit: SimpleNamespace, exported: Models, bundle_of: Callable[..., Path]
) -> None:
    poison = np.zeros((1, 3, 1, 64, 96), np.float32)
    poison[0, 1, 0, 10, 10] = np.nan
    broken = kit.edit(exported["64x96"], "disparity", "Add", poison)
    report = verify(bundle_of({"p.onnx": ("fp32", broken)}))
    assert report.exit_code == 1
    gates = {gate.name: gate for gate in report.candidates[0].gates}
    assert not gates["nonfinite"].passed
    assert report.candidates[0].stages == {}
    json.dumps(report.to_json(), allow_nan=False)


def test_each_photo_is_judged_and_the_worst_is_named(
    kit: SimpleNamespace, exported: Models, bundle_of: Callable[..., Path], photos: list[Path]
) -> None:
    """Only the portrait file is broken, so only the portrait photo, the second, is bad."""
    bias = np.full((1, 3, 3, 1, 1), 0.02, np.float32)
    models = {
        "landscape.onnx": ("fp32", exported["64x96"]),
        "portrait.onnx": ("fp32", kit.edit(exported["96x64"], "color", "Add", bias)),
    }
    (candidate,) = verify(bundle_of(models), photos, pictures=False).candidates
    assert candidate.verdict == "fail"
    assert candidate.views["psnr"]["worst_photo"] == 1
    assert candidate.views["psnr"]["worst"] < 40 < candidate.views["psnr"]["median"]
    failed = [gate for gate in candidate.gates if not gate.passed]
    assert {gate.worst_photo for gate in failed} == {1}


def test_a_missing_backend_is_not_verified_never_success(
    plain_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(path: Path, entry: object, threads: int = 1) -> None:
        raise MissingExtraError("onnxruntime", "onnx", "running ONNX files")

    monkeypatch.setitem(backends._entries, "onnxruntime", missing)
    report = verify(plain_bundle)
    assert not report
    assert report.exit_code == 3
    assert report.candidates[0].verdict == "not_verified"
    assert "pip install" in report.candidates[0].reason


def test_a_failure_outweighs_a_missing_backend() -> None:
    from ldikit.runtime.parity.result import CandidateResult

    common = {
        "format": "onnx",
        "precision": "fp32",
        "backend": "onnxruntime",
        "simulated": False,
        "photos": 1,
    }
    results = [CandidateResult(**common, verdict=v) for v in ("pass", "not_verified", "fail")]
    assert [ParityReport(results[:n]).exit_code for n in (1, 2, 3)] == [0, 3, 1]


def test_a_file_that_the_runtime_cannot_run_fails(
    kit: SimpleNamespace, exported: Models, bundle_of: Callable[..., Path]
) -> None:
    broken = kit.edit(exported["64x96"], "disparity", "NoSuchOperation")
    report = verify(bundle_of({"p.onnx": ("fp32", broken)}))
    assert report.exit_code == 1
    assert report.candidates[0].gates == []
    assert "onnxruntime cannot open" in report.candidates[0].reason


def test_gates_are_read_from_a_file(plain_bundle: Path, tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text("[fp32]\nviews.psnr = 201\n")
    assert verify(plain_bundle, gates=gates, pictures=False).exit_code == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("[fp32\n", "not valid TOML"), ("[fp32]\nviews.beauty = 1\n", "views.beauty"), ("[fp31]\n", "fp31")],
)
def test_bad_gates_are_refused(plain_bundle: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gates.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        verify(plain_bundle, gates=tmp_path / "gates.toml")


def test_a_reference_with_other_weights_is_refused(plain_bundle: Path) -> None:
    edit_manifest(plain_bundle, lambda content: content["weights"].update(depth="0" * 64))
    with pytest.raises(InputError, match="other weights of the depth network"):
        verify(plain_bundle)


def test_photos_are_checked_before_anything_runs(plain_bundle: Path, photos: list[Path]) -> None:
    photos[1].write_bytes(b"this is no picture")
    with pytest.raises(InputError, match="photo1"):
        verify(plain_bundle, photos)
    with pytest.raises(InputError, match="photo1"):
        verify(plain_bundle, photos[0].parent)


def test_no_photos_are_refused(plain_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no photos"):
        verify(plain_bundle, [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no photos"):
        verify(plain_bundle, tmp_path / "empty")
    edit_manifest(plain_bundle, lambda content: content.update(golden=[]))
    with pytest.raises(InputError, match="no photos"):
        verify(plain_bundle)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"formats": ["gguf"]}, "unknown format 'gguf'"),
        ({"precisions": ["fp8"]}, "unknown precision 'fp8'"),
        ({"backends": ["tensorrt"]}, "unknown backend 'tensorrt'"),
        ({"backends": ["torch"]}, "reference itself"),
        ({"precisions": ["int8"]}, "no program"),
        ({"backends": ["litert"]}, "no program"),
    ],
)
def test_unknown_choices_are_refused(plain_bundle: Path, choice: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        verify(plain_bundle, **choice)


def test_two_runs_give_the_same_figures(plain_bundle: Path, photos: list[Path]) -> None:
    first, second = (verify(plain_bundle, photos, pictures=False).to_json() for _ in range(2))
    assert first == second


def test_errors_of_a_missing_runtime_have_the_exit_code_of_one() -> None:
    assert BackendUnavailableError("x").exit_code == 3


def test_files_too_large_together_are_judged_one_after_the_other(
    kit: SimpleNamespace,
    exported: Models,
    bundle_of: Callable[..., Path],
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scaled = kit.edit(exported["64x96"], "disparity", "Mul", np.float32(1.05))
    folder = bundle_of({"a.onnx": ("fp32", exported["64x96"]), "b.onnx": ("fp16", scaled)})
    together = verify(folder, photos, pictures=False).to_json()
    backend = backends.get("onnxruntime")
    opened = weakref.WeakSet()
    most = 0

    def counted(*arguments, **options):
        nonlocal most
        runner = backend(*arguments, **options)
        opened.add(runner)
        most = max(most, len(opened))
        return runner

    monkeypatch.setitem(backends._entries, "onnxruntime", counted)
    assert verify(folder, photos, pictures=False).to_json() == together
    assert most == 2
    most = 0
    monkeypatch.setattr("ldikit.runtime.parity.verify.HELD_BYTES", 1)
    assert verify(folder, photos, pictures=False).to_json() == together
    assert most == 1
