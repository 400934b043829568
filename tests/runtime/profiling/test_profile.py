"""A whole profile of a small bundle: real processes, onnxruntime and torch, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import BackendUnavailableError, InputError
from ldikit.runtime.bundle import open_bundle
from ldikit.runtime.manifest import Manifest, ModelFile, TensorSpec, digest
from ldikit.runtime.profiling import profile as profile_module
from ldikit.runtime.profiling.process import Worker
from ldikit.runtime.profiling.profile import profile
from ldikit.runtime.profiling.subjects import random_input

H, W, LAYERS = 64, 96, 3
SIZE = f"{H}x{W}"


def write_program(path: Path) -> None:
    """An ONNX file with a program's inputs and outputs: the photo in every layer, halved behind."""
    import onnx
    from onnx import helper, numpy_helper

    kind = onnx.TensorProto.FLOAT
    shapes = {
        "color": (1, LAYERS, 3, H, W),
        "disparity": (1, LAYERS, 1, H, W),
        "occupancy": (1, LAYERS, 1, H, W),
    }
    constants = {
        "axis": np.array([1], np.int64),
        "grey": np.full((1, 3, 1, 1), 1 / 3, np.float32),
        "half": np.array([1, 0.5, 0.25], np.float32).reshape(1, 3, 1, 1, 1),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["photo", "axis"], ["one"]),
            helper.make_node("Concat", ["one", "one", "one"], ["color"], axis=1),
            helper.make_node("Conv", ["photo", "weight"], ["mono"]),
            helper.make_node("Unsqueeze", ["mono", "axis"], ["front"]),
            helper.make_node("Mul", ["front", "half"], ["disparity"]),
            helper.make_node("Identity", ["disparity"], ["occupancy"]),
        ],
        "program",
        [helper.make_tensor_value_info("photo", kind, (1, 3, H, W))],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()],
        [
            numpy_helper.from_array(constants["axis"], "axis"),
            numpy_helper.from_array(constants["half"], "half"),
            numpy_helper.from_array(constants["grey"], "weight"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def entry_of(folder: Path, file: str, kind: str) -> ModelFile:
    sha256, size = digest(folder / file)
    frame = (H, W)
    outputs = tuple(
        TensorSpec(name, (1, LAYERS, channels, *frame), "float32", "NLCHW")
        for name, channels in (("color", 3), ("disparity", 1), ("occupancy", 1))
    )
    photo = TensorSpec("photo", (1, 3, *frame), "float32", "NCHW")
    return ModelFile(file, "program", SIZE, kind, "fp32", sha256, size, (photo,), outputs)


def write_manifest(folder: Path, *entries: ModelFile, pipeline: PipelineConfig | None = None) -> None:
    manifest = Manifest(pipeline or PipelineConfig(), {}, entries, (), (SIZE,), {})
    (folder / "manifest.json").write_text(manifest.to_json())


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    write_program(tmp_path / "a.onnx")
    write_manifest(tmp_path, entry_of(tmp_path, "a.onnx", "onnx"))
    return tmp_path


def test_profile_of_a_bundle(folder):
    report = profile(open_bundle(folder), budget_s=1, threads=(1,))
    by_name = {candidate.name: candidate for candidate in report.candidates}
    stages = ["torch fp32 depth", "torch fp32 layering", "torch fp32 inpainting"]
    assert list(by_name) == ["torch fp32", *stages, "onnx fp32"]
    assert [by_name[name].calls for name in stages] == [1, 3, 2]

    torch, onnx = by_name["torch fp32"].runs[0], by_name["onnx fp32"].runs[0]
    assert torch.ratio_to_torch is None
    # A few copies against a network: far below the reference on any machine.
    assert 0 < onnx.ratio_to_torch < 0.5
    for candidate in report.candidates:
        (run,) = candidate.runs
        assert 0 < run.latency.p50 <= run.latency.p90 <= run.latency.p99
        assert run.latency.n == report.settings["rounds"] >= 3
        assert run.first_run_ms == run.load_ms + run.first_inference_ms > 0
        whole = candidate.stage == "program"
        assert (run.peak_memory_bytes is not None) is whole
        if whole:
            assert run.peak_memory_bytes >= run.baseline_memory_bytes > 1 << 20
    # The worker of a file has no torch in it: that would be hundreds of MiB.
    assert onnx.baseline_memory_bytes < torch.baseline_memory_bytes

    assert by_name["onnx fp32"].file_bytes == (folder / "a.onnx").stat().st_size
    macs = report.macs[SIZE]
    assert macs["program"] == macs["depth"] + macs["layering"] + macs["inpainting"] > 0
    assert type(report).from_json(report.to_json(), "profile.json") == report


def test_a_candidate_that_is_not_there_cannot_run_for_a_minute(folder):
    with pytest.raises(InputError, match=r"no candidate 'onnx int8' .*known: torch fp32, onnx fp32$"):
        profile(open_bundle(folder), sustained="onnx int8")


def test_operations_of_a_file(folder):
    arguments = {"bundle": str(folder), "file": "a.onnx", "stage": "program", "size": SIZE, "threads": 1}
    with Worker(1) as worker:
        worker.ask("open", key="a", **arguments)
        told = worker.ask("operations", key="a")
    assert {"Conv", "Concat", "Mul"} <= {operation["type"] for operation in told["operations"]["by_type"]}
    # The photo's worth that the Conv makes, float32; and what the runtime says of the whole.
    assert told["arena"]["held_bytes"] >= told["arena"]["used_bytes"] > 4 * 3 * H * W
    assert told["operations"]["whole_ms"] > sum(o["ms"] for o in told["operations"]["by_type"]) > 0


def test_missing_backend_is_listed_and_the_rest_is_timed(folder, monkeypatch):
    entry = entry_of(folder, "a.onnx", "onnx")
    (folder / "a.tflite").write_bytes((folder / "a.onnx").read_bytes())
    write_manifest(folder, entry, entry_of(folder, "a.tflite", "tflite"))

    class Without(Worker):
        def ask(self, do, **arguments):
            if str(arguments.get("file")).endswith(".tflite"):
                raise BackendUnavailableError("litert is not here")
            return (
                {"simulated": True}
                if do == "open" and arguments["file"] is None
                else super().ask(do, **arguments)
            )

    monkeypatch.setattr(profile_module, "Worker", Without)
    report = profile(open_bundle(folder), budget_s=0, threads=(1,), stages=False, operations=False)
    torch, onnx, tflite = report.candidates
    assert (tflite.runs, tflite.not_timed) == ((), "litert is not here")
    assert (torch.simulated, torch.runs) == (True, ())
    assert "simulated" in torch.not_timed
    assert onnx.runs[0].latency.n == 3
    assert onnx.runs[0].ratio_to_torch is None


def test_reference_that_is_not_here_is_listed(folder):
    pipeline = PipelineConfig(depth="gone.safetensors")
    write_manifest(folder, entry_of(folder, "a.onnx", "onnx"), pipeline=pipeline)
    report = profile(open_bundle(folder), budget_s=0, threads=(1,), stages=False, operations=False)
    assert "gone.safetensors" in report.candidates[0].not_timed
    assert report.macs == {}
    assert report.candidates[1].runs


def test_bad_input_is_refused(folder):
    bundle = open_bundle(folder)
    with pytest.raises(InputError, match="threads"):
        profile(bundle, threads=(0,))
    with pytest.raises(InputError, match="no size '512x384'"):
        profile(bundle, sizes=("512x384",))
    (folder / "a.onnx").write_bytes(b"changed")
    with pytest.raises(InputError, match="sha256"):
        profile(bundle)


def test_file_that_its_runtime_cannot_read_is_refused(folder):
    (folder / "a.onnx").write_bytes(b"no onnx")
    write_manifest(folder, entry_of(folder, "a.onnx", "onnx"))
    with pytest.raises(InputError, match="cannot open"):
        profile(open_bundle(folder), budget_s=0, threads=(1,), stages=False)


def test_worker_that_dies_is_reported_by_its_last_words():
    with Worker(1) as worker:
        worker._process.kill()
        with pytest.raises(InputError, match="died"):
            worker.ask("run", key="a")


def test_more_threads_than_cores_are_left_out_with_a_note(folder, monkeypatch):
    host = replace(profile_module.this_host(), usable_cores=1)
    monkeypatch.setattr(profile_module, "this_host", lambda: host)
    report = profile(open_bundle(folder), budget_s=0, threads=(1, 2), stages=False, operations=False)
    assert report.settings["threads"] == [1]
    assert any("1 usable core" in note for note in report.notes)


@pytest.mark.parametrize(
    ("spec", "shape", "dtype", "high"),
    [
        (TensorSpec("a", (1, 4, 6, 3), "float32", "NHWC"), (1, 4, 6, 3), "float32", 1),
        (TensorSpec("a", (1, 4, 6, 3), "uint8", "NHWC", "image", (0, 255)), (1, 4, 6, 3), "uint8", 255),
        (
            TensorSpec("a", (1, 3, 4, 6), "int8", "NCHW", scale=1 / 255, zero_point=-128),
            (1, 3, 4, 6),
            "int8",
            127,
        ),
    ],
)
def test_inputs_are_as_declared_and_the_same_every_time(spec, shape, dtype, high):
    first = random_input(spec)
    assert (first.shape, first.dtype.name) == (shape, dtype)
    assert first.max() <= high
    assert first.std() > 0.1 * high
    assert np.array_equal(first, random_input(spec))
