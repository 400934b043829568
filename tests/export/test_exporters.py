"""Every format and precision of a small program, run in its own runtime, against the reference."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ldikit.export.protocol import check_formats, check_precisions, file_path
from ldikit.reference.errors import InputError, MissingExtraError
from ldikit.reference.ldi import LDI
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.backends.loader import open_runner

PRECISIONS = ("fp32", "fp16")


def run(export, precision):
    entry = export.files[precision].entry
    runner = open_runner(export.paths[precision], entry)
    return run_canonical(runner, entry.inputs, entry.outputs, export.inputs)


def weighted_iou(a: LDI, b: LDI, layer: int) -> float:
    """Gap-weighted IoU of DESIGN §6, written out here on its own."""
    one = a.occupancy[layer] * (a.disparity[layer - 1] - a.disparity[layer])
    two = b.occupancy[layer] * (b.disparity[layer - 1] - b.disparity[layer])
    return float(np.minimum(one, two).sum() / np.maximum(one, two).sum())


def half_weights(path: Path, format: str) -> int:
    """Count half-precision weights of a file, read by the format's own schema."""
    if format == "onnx":
        import onnx

        return sum(t.data_type == onnx.TensorProto.FLOAT16 for t in onnx.load(path).graph.initializer)
    if format == "tflite":
        from ai_edge_litert import schema_py_generated as schema

        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        return sum(t.type == schema.TensorType.FLOAT16 for t in model.subgraphs[0].tensors)
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString((path / "Data/com.apple.CoreML/model.mlmodel").read_bytes())
    block = next(iter(spec.mlProgram.functions["main"].block_specializations.values()))
    kinds = Counter(op.type for op in block.operations if op.outputs[0].type.tensorType.dataType == 10)
    return kinds["conv"]


def test_the_scene_has_something_hidden(program_export):
    occupancy = program_export.expected["occupancy"][0, 1]
    assert occupancy.max() == 1.0
    assert 0.05 < occupancy.mean() < 0.6


def test_fp32_is_the_reference(program_export):
    outputs = run(program_export, "fp32")
    assert set(outputs) == {"color", "disparity", "occupancy"}
    for name, expected in program_export.expected.items():
        assert np.abs(outputs[name] - expected).max() <= 1e-5, name


def test_fp16_gives_the_same_layers(program_export):
    reference = LDI.from_tensors(program_export.expected)
    candidate = LDI.from_tensors(run(program_export, "fp16"))
    candidate.check(program_export.inputs["photo"][0])  # layer 0 is still exactly the photo
    assert weighted_iou(reference, candidate, 1) >= 0.99
    assert np.abs(reference.color - candidate.color).max() < 5e-3


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_ledger_holds_the_measured_error(program_export, precision):
    file = program_export.files[precision]
    outputs = run(program_export, precision)
    worst = max(float(np.abs(outputs[n] - e).max()) for n, e in program_export.expected.items())
    assert file.substitutions
    for entry in file.substitutions:
        assert entry.max_abs_error == pytest.approx(worst, rel=1e-3, abs=1e-9)
        assert (entry.format, entry.precision) == (file.entry.format, precision)
    operations = {entry.operation for entry in file.substitutions}
    assert "batch_norm (17×)" in operations  # one of the depth network, sixteen of PocketInpaint


def test_half_precision_is_what_the_name_says(program_export):
    format = program_export.files["fp16"].entry.format
    assert half_weights(program_export.paths["fp32"], format) == 0
    # All of PocketInpaint's seventeen convolutions but the last; the depth network stays single.
    assert half_weights(program_export.paths["fp16"], format) >= 16
    # In TFLite, weights of the depth network that half precision does not hold.
    assert any("single precision" in s.replacement for s in program_export.files["fp16"].substitutions)


def test_the_declared_layout_is_the_platforms_own(program_export):
    entry = program_export.files["fp32"].entry
    (photo,) = entry.inputs
    layouts = {"onnx": ("NCHW", "NLCHW"), "coreml": ("NHWC", "NLCHW"), "tflite": ("NHWC", "NLHWC")}
    assert (photo.layout, entry.outputs[0].layout) == layouts[entry.format]
    assert [spec.name for spec in entry.outputs] == ["color", "disparity", "occupancy"]
    assert photo.kind == ("image" if entry.format == "coreml" else "tensor")
    shapes = {"NLCHW": (1, 2, 3, 64, 96), "NLHWC": (1, 2, 64, 96, 3)}
    assert entry.outputs[0].shape == shapes[entry.outputs[0].layout]


def test_onnx_names_no_path_of_this_machine(program_export):
    if program_export.files["fp32"].entry.format != "onnx":
        pytest.skip("only torch's ONNX exporter writes stack traces")
    import onnx

    for path in program_export.paths.values():
        content = path.read_bytes()
        assert b".py" not in content
        model = onnx.load(path)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)]


def test_names_of_files():
    assert file_path("program", "384x512", "onnx", "fp32") == "onnx/photo_to_ldi-384x512.fp32.onnx"
    assert file_path("program", "512x384", "coreml", "fp16") == "coreml/photo_to_ldi-512x384.fp16.mlpackage"
    assert file_path("depth", "384x512", "tflite", "fp32") == "stages/depth-384x512.fp32.tflite"


def test_precisions_that_no_format_has_are_refused_by_name():
    check_precisions(("fp32", "int8", "w8", "p4"))
    check_precisions(("p6",), ("onnx", "coreml"))
    with pytest.raises(InputError, match=r"'p4' is offered by coreml alone, not by onnx, tflite"):
        check_precisions(("fp32", "p4"), ("onnx", "tflite"))
    with pytest.raises(InputError, match=r"fp64.*fp32, fp16"):
        check_precisions(("fp64",))
    with pytest.raises(InputError, match="no precision"):
        check_precisions(())


def test_a_missing_converter_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "coremltools", None)
    with pytest.raises(MissingExtraError, match=r"ldikit\[coreml\]") as caught:
        check_formats(("onnx", "coreml"))
    assert caught.value.exit_code == 3
    with pytest.raises(InputError, match="tensorrt"):
        check_formats(("tensorrt",))
