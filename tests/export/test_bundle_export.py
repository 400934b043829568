"""Whole bundles: complete, or absent."""

import json
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ldikit.export import bundle as bundle_module
from ldikit.export import workers
from ldikit.export.bundle import export_bundle, merged
from ldikit.export.protocol import ExportedFile, ExportFailedError
from ldikit.export.worker import Task
from ldikit.export.workers import convert_all
from ldikit.reference.config import LayeringConfig, PipelineConfig
from ldikit.reference.depth.pocket import PocketDepth
from ldikit.reference.errors import InputError, MissingExtraError
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.ldi import LDI
from ldikit.reference.ldi_files import read_ldi
from ldikit.reference.quantized.recipe import NetworkRecipe, Recipe
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.manifest import Kept, ModelFile, Substitution, TensorSpec
from ldikit.runtime.report.beside import read_beside
from PIL import Image

SIZE = "64x96"


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> PipelineConfig:
    """A pipeline of seeded random weights in files."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(5)
    for name, network in (("depth", PocketDepth(64, 96)), ("inpaint", PocketInpaint(64, 96))):
        save_file(network.state_dict(), folder / f"{name}.safetensors")
    depth, inpaint = (str(folder / f"{name}.safetensors") for name in ("depth", "inpaint"))
    return PipelineConfig(depth=depth, inpaint=inpaint, layers=2, layering=LayeringConfig(max_parallax=0.04))


@pytest.fixture(scope="session")
def real(config: PipelineConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle written by real workers: the whole and the stages, in ONNX."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    destination = tmp_path_factory.mktemp("real") / "phone"
    return export_bundle(config, destination, ["onnx"], ["fp32", "fp16"], [SIZE], stages=True)


def fake_convert(tasks, at_once=2):
    """Write a file of two bytes where a model belongs."""
    for task in tasks:
        path = f"{task.format}/photo_to_ldi-{task.size}.fp32.{task.format}"
        target = Path(task.bundle) / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"ok")
        photo = TensorSpec("photo", (1, 3, 64, 96), "float32", "NCHW")
        planes = [
            TensorSpec(name, (1, 2, c, 64, 96), "float32", "NLCHW")
            for name, c in (("color", 3), ("disparity", 1), ("occupancy", 1))
        ]
        entry = ModelFile(path, "program", task.size, task.format, "fp32", "", 0, (photo,), tuple(planes))
        yield [ExportedFile(entry)]


@pytest.fixture
def quick(monkeypatch, config):
    """`export_bundle` with conversions that take no time."""
    monkeypatch.setattr(bundle_module, "convert_all", fake_convert)
    monkeypatch.setattr(bundle_module, "check_formats", lambda formats: None)

    def export(destination, **settings):
        return export_bundle(config, destination, ["onnx"], ["fp32"], [SIZE], **settings)

    return export


@pytest.fixture
def quick_int8(monkeypatch, config):
    """As `quick`, one file in the last of the precisions asked for."""

    def convert(tasks, at_once=2):
        for (file,) in fake_convert(tasks):
            precision = tasks[0].precisions[-1]
            path = file.entry.path.replace("fp32", precision)
            folder = Path(tasks[0].bundle)
            (folder / file.entry.path).rename(folder / path)
            counts = {"Conv": {"fp32": 1, "int8": 2}, "Resize": {"fp32": 1}}
            listed = ("depth/up: Resize in fp32",) if precision == "int8" else ()
            entry = replace(file.entry, path=path, precision=precision, operations=counts, not_int8=listed)
            yield [ExportedFile(entry)]

    monkeypatch.setattr(bundle_module, "convert_all", convert)
    monkeypatch.setattr(bundle_module, "check_formats", lambda formats: None)

    def export(destination, precisions, **settings):
        return export_bundle(config, destination, ["onnx"], precisions, [SIZE], **settings)

    return export


def test_a_real_bundle_opens_and_every_file_has_its_checksum(real):
    opened = open_bundle(real)
    manifest = opened.manifest
    assert {(f.stage, f.precision) for f in manifest.files} == {
        (stage, precision)
        for stage in ("program", "depth", "layering", "inpainting")
        for precision in ("fp32", "fp16")
    }
    for entry in (*manifest.files, *manifest.golden):
        path = opened.path(entry)  # raises where the sha256 differs
        assert path.stat().st_size == entry.bytes
    declared = {entry.path for entry in (*manifest.files, *manifest.golden)} | {
        "manifest.json",
        "README.md",
        "audit.json",
    }
    own = {f"weights/{stage}/{stage}.safetensors" for stage in ("depth", "inpaint")}
    assert {p.relative_to(real).as_posix() for p in real.rglob("*") if p.is_file()} == declared | own
    assert manifest.sizes == (SIZE,)
    assert manifest.versions["torch"] and manifest.versions["onnx"] and manifest.versions["python"]
    assert set(manifest.weights) == {"depth", "inpaint"}
    assert manifest.pipeline.layering.max_parallax == 0.04


def test_a_real_bundle_says_what_half_precision_was_tested_on(real):
    audit = read_beside(real, open_bundle(real).manifest).audit
    assert audit is not None
    assert audit.photos == 4 and audit.tensors > 100 and audit.single == ()
    assert 1 < audit.highest[0].peak < 65504 / 2


def test_a_real_bundle_gives_the_golden_ldi(real):
    opened = open_bundle(real)
    golden = real / "golden" / SIZE
    photo = np.asarray(Image.open(golden / "photo.png"))
    with np.load(golden / "program.npz") as held:
        tensors = {name: held[name] for name in held.files}
    assert np.array_equal(tensors["photo"], photo.transpose(2, 0, 1)[None] / np.float32(255))
    candidate = opened.runner("onnx")(photo)
    for name in ("color", "disparity", "occupancy"):
        assert np.abs(getattr(candidate, name) - tensors[name][0]).max() <= 1e-5
    reference = LDI.from_tensors(tensors)
    reference.check(tensors["photo"][0])
    stored = read_ldi(golden / "ldi")
    assert np.abs(stored.color - reference.color).max() <= 0.5 / 255 + 1e-6
    assert opened.golden_photos() == (golden / "photo.png",)
    with np.load(golden / "inpainting.npz") as held:
        assert np.array_equal(held["hidden_color"], tensors["color"][:, 1])


def test_the_card_names_only_files_that_exist(real):
    text = (real / "README.md").read_text(encoding="utf-8")
    named = [name for name in re.findall(r"`([^`\s]+)`", text) if re.search(r"/|\.(json|npz|png)$", name)]
    assert len(named) > 10
    for name in named:
        places = [real / name, real / "golden" / SIZE / name]
        assert any(place.exists() for place in places), name
    for entry in open_bundle(real).manifest.files:
        assert f"`{entry.path}`" in text
    assert "coreml" not in text and "tflite" not in text  # not in this bundle
    assert str(Path.home()) not in text


def test_the_hook_writes_into_the_bundle_before_it_appears(quick, tmp_path):
    destination = tmp_path / "phone"
    seen = []

    def hook(folder: Path) -> None:
        seen.append((destination.exists(), open_bundle(folder).manifest.sizes))
        (folder / "parity.json").write_text("{}")

    assert quick(destination, on_folder=hook) == destination
    assert seen == [(False, (SIZE,))]
    assert (destination / "parity.json").is_file()


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), OSError(28, "No space left")])
def test_an_error_in_the_hook_leaves_nothing(quick, tmp_path, error):
    def hook(folder: Path) -> None:
        raise error

    with pytest.raises(InputError if isinstance(error, OSError) else type(error)):
        quick(tmp_path / "phone", on_folder=hook)
    assert list(tmp_path.iterdir()) == []


def test_an_older_bundle_survives_what_goes_wrong(quick, tmp_path):
    destination = tmp_path / "phone"
    destination.mkdir()
    (destination / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="overwrite"):
        quick(destination)

    def hook(folder: Path) -> None:
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        quick(destination, overwrite=True, on_folder=hook)
    assert [p.name for p in tmp_path.iterdir()] == ["phone"]
    assert (destination / "mine.txt").read_text() == "kept"
    quick(destination, overwrite=True)
    assert not (destination / "mine.txt").exists()
    assert (destination / "manifest.json").is_file()


def test_what_cannot_be_exported_is_refused_before_any_work(config, tmp_path, monkeypatch):
    destination = tmp_path / "phone"
    for settings, message in (
        ({"precisions": ["int8"]}, "int8"),
        ({"formats": ["trt"]}, "unknown format 'trt'"),
        ({"sizes": ["100x100"]}, "multiple of 32"),
        ({"sizes": []}, "no size"),
    ):
        with pytest.raises(InputError, match=message):
            export_bundle(config, destination, **settings)
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    with pytest.raises(MissingExtraError, match=r"ldikit\[tflite\]"):
        export_bundle(config, destination, ["tflite"])
    assert list(tmp_path.iterdir()) == []


def test_a_worker_hands_its_error_on(config, tmp_path):
    missing = PipelineConfig(depth=str(tmp_path / "none.safetensors"))
    task = Task(missing, SIZE, "onnx", ("fp32",), ("program",), str(tmp_path))
    with pytest.raises(InputError, match=r"none\.safetensors"):
        list(convert_all([task]))


def fake_python(folder: Path, script: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_a_converter_that_dies_is_one_line(config, tmp_path, monkeypatch, capfd):
    script = fake_python(tmp_path, "echo chatter; echo 'NotImplementedError: aten.foo' >&2; exit 1")
    monkeypatch.setattr(workers.sys, "executable", script)
    task = Task(config, SIZE, "coreml", ("fp32",), ("program",), str(tmp_path))
    with pytest.raises(ExportFailedError, match=r"coreml at 64x96: NotImplementedError: aten\.foo") as caught:
        list(convert_all([task]))
    assert caught.value.exit_code == 2
    assert "chatter" not in "".join(capfd.readouterr())


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_stopping_ends_the_workers(config, tmp_path, monkeypatch):
    marker = tmp_path / "pid"
    temporary = tmp_path / "temporary"
    script = fake_python(
        tmp_path,
        f"if [ -e {marker} ]; then exit 1; fi; touch $TMPDIR/half; echo $TMPDIR/half > {temporary}; "
        f"echo $$ > {marker}; sleep 60",
    )
    monkeypatch.setattr(workers.sys, "executable", script)
    task = Task(config, SIZE, "onnx", ("fp32",), ("program",), str(tmp_path))

    def later(poll=time.sleep):
        while not marker.exists():
            poll(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(workers.time, "sleep", lambda _: later(lambda s: os.sched_yield()))
    with pytest.raises(KeyboardInterrupt):
        list(convert_all([task]))
    pid = int(marker.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    half = Path(temporary.read_text().strip())
    assert half.name == "half" and not half.parent.exists()


def test_what_the_recipe_does_not_make_int8_is_in_the_manifest_and_the_card(config, quick_int8, tmp_path):
    depth = NetworkRecipe(
        float_layers={"head": "too coarse"}, weight_only_layers={"a": "tears", "b": "tears", "c": "asked for"}
    )
    recipe = Recipe("small", {}, {"depth": depth, "inpaint": NetworkRecipe(float_layers={"d": "too coarse"})})
    folder = quick_int8(tmp_path / "phone", ("int8",), recipe=recipe)
    assert open_bundle(folder).manifest.kept == (
        Kept("too coarse", False, ("depth/head", "inpaint/d")),
        Kept("tears", True, ("depth/a", "depth/b")),
        Kept("asked for", True, ("depth/c",)),
    )
    card = (folder / "README.md").read_text()
    assert "- 2 float: too coarse.\n- 2 with int8 weights and float arithmetic: tears.\n" in card
    plain = quick_int8(tmp_path / "plain", ("fp32",), recipe=recipe)
    assert open_bundle(plain).manifest.kept == ()
    assert "does not make int8" not in (plain / "README.md").read_text()


def test_int8_carries_its_recipe_into_the_bundle(config, quick_int8, tmp_path):
    recipe = Recipe("small", {}, {"depth": NetworkRecipe(), "inpaint": NetworkRecipe()})
    with pytest.raises(InputError, match=r"int8 and w8 need a quantisation recipe"):
        quick_int8(tmp_path / "phone", ("fp32", "int8", "w8"))
    assert not (tmp_path / "phone").exists()
    folder = quick_int8(tmp_path / "phone", ("fp32", "int8"), recipe=recipe)
    manifest = open_bundle(folder).manifest
    assert manifest.recipe_hash == recipe.hash
    assert Recipe.read(folder / "recipe.json") == recipe
    assert not (folder / "recipe.safetensors").exists()
    (entry,) = manifest.files
    assert entry.operations == {"Conv": {"fp32": 1, "int8": 2}, "Resize": {"fp32": 1}}
    card = (folder / "README.md").read_text()
    assert "`onnx/photo_to_ldi-64x96.int8.onnx`: depth/up: Resize in fp32." in card
    plain = quick_int8(tmp_path / "plain", ("fp32",), recipe=recipe)
    assert open_bundle(plain).manifest.recipe_hash is None
    assert not (plain / "recipe.json").exists()


def test_an_older_manifest_without_operations_still_opens(quick_int8, tmp_path):
    folder = quick_int8(tmp_path / "phone", ("fp32",))
    path = folder / "manifest.json"
    raw = json.loads(path.read_text())
    for entry in raw["files"]:
        del entry["operations"], entry["not_int8"]
    path.write_text(json.dumps(raw))
    (entry,) = open_bundle(folder).manifest.files
    assert (entry.operations, entry.not_int8) == ({}, ())


def test_palettes_go_to_core_ml_alone(config, monkeypatch, tmp_path):
    asked = {}

    def note(tasks, at_once=2):
        asked.update({task.format: task.precisions for task in tasks})
        return fake_convert(tasks)

    monkeypatch.setattr(bundle_module, "convert_all", note)
    monkeypatch.setattr(bundle_module, "check_formats", lambda formats: None)
    export_bundle(config, tmp_path / "a", ["onnx", "coreml", "tflite"], ["fp16", "p4"], [SIZE])
    assert asked == {"onnx": ("fp16",), "tflite": ("fp16",), "coreml": ("fp16", "p4")}
    asked.clear()
    export_bundle(config, tmp_path / "b", ["onnx", "coreml"], ["p6"], [SIZE])
    assert asked == {"coreml": ("p6",)}
    with pytest.raises(InputError, match="'p6' is offered by coreml alone"):
        export_bundle(config, tmp_path / "c", ["onnx", "tflite"], ["p6"], [SIZE])


def test_a_task_survives_its_journey(config):
    task = Task(
        config, SIZE, "onnx", ("fp32", "fp16"), ("program", "depth"), "/somewhere", ("inpainting.network",)
    )
    assert Task.from_json(json.dumps(json.loads(task.to_json()))) == task


def test_stages_share_a_line_of_the_ledger():
    def line(operation: str, error: float) -> Substitution:
        return Substitution("onnx", "fp32", SIZE, operation, "b", "c", error)

    assert merged([line("x", 0.1), line("y", 0.0), line("x", 0.3)]) == (line("x", 0.3), line("y", 0.0))
