"""The command line on bundles: damage, missing backends, verdicts, comparisons, and nothing sent out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from ldikit import cli
from ldikit.reference.config import PipelineConfig
from ldikit.reference.pipeline import build_program
from ldikit.runtime.manifest import GoldenFile, Manifest, ModelFile, TensorSpec, digest
from ldikit.runtime.parity.weights import loaded_weights
from ldikit.runtime.profiling import report as profile_report
from ldikit.runtime.profiling.host import this_host
from ldikit.runtime.profiling.report import Candidate, ProfileReport
from ldikit.runtime.profiling.timing import find_drift, summarise
from onnx import helper, numpy_helper
from PIL import Image

LDIKIT = Path(sys.executable).parent / "ldikit"
HEIGHT, WIDTH, LAYERS = 64, 96, 3


@dataclass
class Done:
    """What a run of the command line gave."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Run the command line in this process, whose torch is loaded already, in the folder `folder`.

    Packages named by `hide` are as if they were not installed.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def call(*arguments: str | Path, hide: str = "") -> Done:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["ldikit", *map(str, arguments)])
            if hide:
                patch.setitem(sys.modules, hide, None)
            with pytest.raises(SystemExit) as stop:
                cli.main()
        out, err = capfd.readouterr()
        return Done(int(stop.value.code or 0), out, err)

    return call


def write_program(path: Path) -> None:
    """An ONNX file with a program's inputs and outputs: the photo in every layer, its mean as disparity."""
    kind, frame = onnx.TensorProto.FLOAT, (HEIGHT, WIDTH)
    shapes = {"color": 3, "disparity": 1, "occupancy": 1}
    constants = {
        "axis": np.array([1], np.int64),
        "mean": np.full((1, 3, 1, 1), 1 / 3, np.float32),
        "behind": np.array([1, 0.5, 0.25], np.float32).reshape(1, 3, 1, 1, 1),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["photo", "axis"], ["one"]),
            helper.make_node("Concat", ["one", "one", "one"], ["color"], axis=1),
            helper.make_node("Conv", ["photo", "mean"], ["grey"]),
            helper.make_node("Unsqueeze", ["grey", "axis"], ["front"]),
            helper.make_node("Mul", ["front", "behind"], ["disparity"]),
            helper.make_node("Identity", ["disparity"], ["occupancy"]),
        ],
        "program",
        [helper.make_tensor_value_info("photo", kind, (1, 3, *frame))],
        [
            helper.make_tensor_value_info(name, kind, (1, LAYERS, depth, *frame))
            for name, depth in shapes.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo, `photo.png`, and a bundle, `phone`, whose ONNX file is no reference's."""
    phone = tmp_path / "phone"
    for name in ("onnx", "golden"):
        (phone / name).mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    Image.fromarray(pixels).save(phone / "golden" / "photo.png")
    write_program(phone / "onnx" / "a.onnx")
    sha256, size = digest(phone / "onnx" / "a.onnx")
    outputs = tuple(
        TensorSpec(name, (1, LAYERS, depth, HEIGHT, WIDTH), "float32", "NLCHW")
        for name, depth in (("color", 3), ("disparity", 1), ("occupancy", 1))
    )
    inputs = (TensorSpec("photo", (1, 3, HEIGHT, WIDTH), "float32", "NCHW"),)
    text = f"{HEIGHT}x{WIDTH}"
    entry = ModelFile("onnx/a.onnx", "program", text, "onnx", "fp32", sha256, size, inputs, outputs)
    golden = GoldenFile("golden/photo.png", *digest(phone / "golden" / "photo.png"))
    config = PipelineConfig()
    weights = loaded_weights(build_program(config, HEIGHT, WIDTH))
    manifest = Manifest(config, weights, (entry,), (golden,), (text,), {})
    (phone / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return tmp_path


def edit_manifest(phone: Path, **changes: object) -> None:
    path = phone / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def name_path(phone: Path, path: str) -> None:
    files = json.loads((phone / "manifest.json").read_text())["files"]
    edit_manifest(phone, files=[{**files[0], "path": path}])


def link_outside(phone: Path) -> None:
    (phone / "onnx" / "a.onnx").rename(phone.parent / "a.onnx")
    (phone / "onnx" / "a.onnx").symlink_to(phone.parent / "a.onnx")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "checksum": (lambda p: (p / "onnx" / "a.onnx").write_bytes(b"other"), "sha256"),
    "missing file": (lambda p: (p / "onnx" / "a.onnx").unlink(), "lacks the file 'onnx/a.onnx'"),
    "newer schema": (lambda p: edit_manifest(p, schema_version=99), "upgrade ldikit"),
    "path leaves": (lambda p: name_path(p, "../photo.png"), "leaves the bundle's folder"),
    "absolute path": (lambda p: name_path(p, "/etc/hostname"), "leaves the bundle's folder"),
    "link leaves": (link_outside, "leaves the bundle's folder"),
    "truncated manifest": (lambda p: os.truncate(p / "manifest.json", 200), "not JSON"),
    "no manifest": (lambda p: (p / "manifest.json").unlink(), "no manifest.json"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_bundle_is_one_line_and_exit_2(folder: Path, run: Run, damage: str) -> None:
    spoil, said = DAMAGE[damage]
    spoil(folder / "phone")
    before = sorted(folder.rglob("*"))
    for arguments in (["inspect", "phone"], ["photo", "photo.png", "--bundle", "phone", "-o", "out"]):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert len(done.stderr.splitlines()) == 1 and said in done.stderr
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("verb", ["verify", "profile"])
def test_damage_is_found_before_anything_is_measured(folder: Path, run: Run, verb: str) -> None:
    (folder / "phone" / "onnx" / "a.onnx").write_bytes(b"other")
    done = run(verb, "phone", "--json", "result.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1 and "sha256" in done.stderr
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_no_bundle_passes_without_its_golden_vectors(
    folder: Path, run: Run, spoil: Callable[[Path], object]
) -> None:
    spoil(folder / "phone" / "golden" / "photo.png")
    (folder / "photos").mkdir()
    (folder / "photo.png").rename(folder / "photos" / "photo.png")
    done = run("verify", "phone", "--photos", "photos")
    assert done.returncode == 2 and "golden/photo.png" in done.stderr


def test_a_wrong_model_fails_and_a_missing_backend_verifies_nothing(folder: Path, run: Run) -> None:
    (folder / "photos").mkdir()
    (folder / "photo.png").rename(folder / "photos" / "photo.png")
    arguments = ("verify", "phone", "--photos", "photos", "--json")
    failed = run(*arguments, "failed.json")
    assert (failed.returncode, failed.stderr) == (1, "")
    assert "\x1b" not in failed.stdout and "gate ldi.gap_iou failed" in failed.stdout
    (judged,) = json.loads((folder / "failed.json").read_text())["candidates"]
    assert judged["verdict"] == "fail"
    missing = run(*arguments, "missing.json", hide="onnxruntime")
    assert (missing.returncode, missing.stderr) == (3, "")
    assert "not verified" in missing.stdout and "pip install 'ldikit[onnx]'" in missing.stdout
    (unknown,) = json.loads((folder / "missing.json").read_text())["candidates"]
    assert unknown["verdict"] == "not_verified" and "ldikit[onnx]" in unknown["reason"]


@pytest.mark.parametrize(
    ("arguments", "hidden", "extra"),
    [
        (["photo", "photo.png", "--bundle", "phone", "-o", "out"], "onnxruntime", "onnx"),
        (["export", "--formats", "onnx", "-o", "out"], "onnx", "onnx"),
        (["build", "--formats", "coreml", "-o", "out"], "coremltools", "coreml"),
        (["build", "--formats", "tflite", "-o", "out"], "litert_torch", "tflite"),
    ],
)
def test_a_missing_package_is_exit_3_and_names_its_extra(
    folder: Path, run: Run, arguments: list[str], hidden: str, extra: str
) -> None:
    before = sorted(folder.rglob("*"))
    done = run(*arguments, hide=hidden)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1 and f"pip install 'ldikit[{extra}]'" in done.stderr
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (["--backend", "nosuch"], "nosuch"),
        (["--backend", "litert"], "tflite"),
        (["--precision", "fp13"], "fp13"),
        (["--precision", "fp16"], "onnx fp32 64x96"),
        (["--size", "96x64"], "onnx fp32 64x96"),
        (["--depth-map", "photo.png"], "without --bundle"),
    ],
)
def test_what_a_bundle_cannot_do_is_exit_2(folder: Path, run: Run, choices: list[str], said: str) -> None:
    done = run("photo", "photo.png", "--bundle", "phone", "-o", "out", *choices)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr
    assert not (folder / "out").exists()


def test_onnxruntime_reports_nothing_to_anybody(folder: Path) -> None:
    """Its telemetry keeps a device id in the home folder and a session id among temporary files."""
    (folder / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "GITHUB_ACTIONS"}}
    kept.pop("ORT_DISABLE_TELEMETRY", None)  # set by `import ldikit` in this process
    moved = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(folder / "home"))
    command = [LDIKIT, "photo", "photo.png", "--bundle", "phone", "-o", "out"]
    done = subprocess.run(
        command, cwd=folder, env={**kept, **moved}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "run by onnxruntime" in done.stdout
    assert list((folder / "home").rglob("*")) == []


def measured(milliseconds: float, **changes: object) -> ProfileReport:
    """A profile of this host: one ONNX file and one of Core ML, which is simulated."""
    samples = [milliseconds] * 4
    timed = profile_report.Run(1, 5.0, 2.0, summarise(samples), find_drift(samples))
    return ProfileReport(
        this_host(),
        PipelineConfig().name,
        ("64x96",),
        (
            Candidate("onnx fp32", "onnx", "fp32", "onnxruntime", "program", "64x96", 1, runs=(timed,)),
            Candidate(
                "coreml fp32", "coreml", "fp32", "coreml", "program", "64x96", 1,
                simulated=True, not_timed="simulated",
            ),
        ),
        {},
        {},
        **changes,
    )  # fmt: skip


def test_a_profile_is_compared_with_an_older_one(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldikit.runtime.profiling.profile.profile", lambda bundle: measured(10))
    (folder / "old.json").write_text(measured(8).to_json())
    new = folder / "new.json"
    done = run("profile", "phone", "--compare", "old.json", "--json", new)
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("onnx fp32"))
    assert row.split() == ["onnx", "fp32", "1", "8.00", "10.00", "1.25", "unsure"]
    assert "coreml fp32: not timed: simulated" in done.stdout
    assert json.loads(new.read_text())["candidates"][0]["runs"][0]["latency"]["p50"] == 10


def test_two_profiles_are_compared_without_measuring(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldikit.runtime.profiling.profile.profile", lambda bundle: pytest.fail("measured"))
    (folder / "old.json").write_text(measured(8).to_json())
    (folder / "new.json").write_text(measured(4).to_json())
    done = run("profile", "new.json", "--compare", "old.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.50" in done.stdout


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (lambda: measured(8).to_json().replace('"release"', '"r"'), "does not follow"),
        (lambda: replace(measured(8), host=replace(this_host(), cpu="Another")).to_json(), "different hosts"),
        (lambda: replace(measured(8), pipeline="other").to_json(), "different pipelines"),
        (lambda: "no profile", "not JSON"),
    ],
)
def test_a_profile_of_another_host_is_refused_before_measuring(
    folder: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[], str],
    said: str,
) -> None:
    monkeypatch.setattr("ldikit.runtime.profiling.profile.profile", lambda bundle: pytest.fail("measured"))
    (folder / "old.json").write_text(before())
    done = run("profile", "phone", "--compare", "old.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr


def test_a_profile_without_the_runtime_of_a_file_is_exit_3(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = measured(10)
    lacking = replace(report.candidates[0], runs=(), not_timed="pip install 'ldikit[onnx]'")
    report = replace(report, candidates=(lacking, *report.candidates[1:]))
    monkeypatch.setattr("ldikit.runtime.profiling.profile.profile", lambda bundle: report)
    done = run("profile", "phone")
    assert done.returncode == 3
    assert "onnx fp32: not timed: pip install 'ldikit[onnx]'" in done.stdout
