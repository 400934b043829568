"""Damaged and foreign models, and wrong inputs: one clear line each, nothing crashes or takes memory."""

import json
import shutil
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ldikit.reference.errors import InputError
from ldikit.runtime.mil import load

X = np.linspace(-1, 1, 1 * 2 * 4 * 6).reshape(1, 2, 4, 6).astype(np.float32)


@pytest.fixture(scope="module")
def good(build):
    """A program with a weight file, a bilinear resize and a concat."""
    from coremltools.converters.mil import mil

    mb = mil.Builder

    weight = np.linspace(-1, 1, 3 * 2 * 3 * 3).reshape(3, 2, 3, 3).astype(np.float32)

    def program(x):
        y = mb.relu(x=mb.conv(x=x, weight=weight, pad_type="same", name="edges"))
        up = mb.upsample_bilinear(
            x=y, scale_factor_height=2, scale_factor_width=2, align_corners=False, name="up"
        )
        return {"out": mb.concat(values=(up, up), axis=1)}

    return build(program, X.shape).path


@pytest.fixture
def copy(good, tmp_path):
    return shutil.copytree(good, tmp_path / "copy.mlpackage")


def model_file(package):
    return package / "Data/com.apple.CoreML/model.mlmodel"


def weight_file(package):
    return package / "Data/com.apple.CoreML/weights/weight.bin"


def edit(package, change):
    """Change the protobuf of a package with coremltools' own classes."""
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(model_file(package).read_bytes())
    main = spec.mlProgram.functions["main"] if spec.WhichOneof("Type") == "mlProgram" else None
    change(spec, main.block_specializations[main.opset].operations if main else None)
    model_file(package).write_bytes(spec.SerializeToString())
    return package


def find(operations, kind):
    return next(operation for operation in operations if operation.type == kind)


def refused(package, *words, run=True):
    with pytest.raises(InputError) as caught:
        model = load(package)
        if run:
            model.predict({"x": X})
    message = str(caught.value)
    assert "\n" not in message
    for word in (package.name, *words):
        assert word in message, message


def test_the_unchanged_copy_runs(copy):
    assert load(copy).predict({"x": X})["out"].shape == (1, 6, 8, 12)


def test_a_flipped_align_corners_is_another_result(copy, good, relative_error):
    def flip(spec, operations):
        name = find(operations, "upsample_bilinear").inputs["align_corners"].arguments[0].name
        constant = next(op for op in operations if op.outputs[0].name == name)
        constant.attributes["val"].immediateValue.tensor.bools.values[0] = True

    wanted = load(good).predict({"x": X})["out"]
    got = load(edit(copy, flip)).predict({"x": X})["out"]
    assert relative_error(got, wanted) > 1e-2


def test_nothing_there(tmp_path):
    refused(tmp_path / "none.mlpackage", "no Core ML model")
    (tmp_path / "empty.mlpackage").mkdir()
    refused(tmp_path / "empty.mlpackage", "Manifest.json")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no json {", "JSON"),
        ("[" * 100_000, "JSON"),
        ("{}", "names no model"),
        ('{"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": 3}}}', "not a text"),
        ('{"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "gone"}}}', "missing"),
        ('{"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "../../x"}}}', "leaves"),
        ('{"rootModelIdentifier": "a", "itemInfoEntries": {"a": {"path": "/etc/passwd"}}}', "leaves"),
    ],
)
def test_bad_manifest(copy, text, word):
    (copy / "Manifest.json").write_text(text)
    refused(copy, word)


def test_a_link_out_of_the_folder(copy, tmp_path):
    outside = tmp_path / "outside.mlmodel"
    shutil.move(model_file(copy), outside)
    model_file(copy).symlink_to(outside)
    refused(copy, "leaves")


def test_truncated_protobuf(copy):
    data = model_file(copy).read_bytes()
    model_file(copy).write_bytes(data[: len(data) // 2])
    refused(copy, "cut short")


def test_no_protobuf_and_empty_file(copy):
    model_file(copy).write_bytes(b"\xff" * 100)
    refused(copy)
    model_file(copy).write_bytes(b"")
    refused(copy, "not an ML Program")


def test_neural_network(copy):
    def change(spec, operations):
        spec.neuralNetwork.layers.add(name="a").activation.ReLU.SetInParent()

    refused(edit(copy, change), "neural network", "ML Program")


def test_newer_versions(copy):
    def version(spec, operations):
        spec.specificationVersion = 99

    refused(edit(copy, version), "99", "iOS18")


def test_newer_opset(copy):
    def opset(spec, operations):
        spec.specificationVersion = 8
        spec.mlProgram.functions["main"].opset = "CoreML42"

    refused(edit(copy, opset), "CoreML42")


def test_missing_weight_file(copy):
    weight_file(copy).unlink()
    refused(copy, "weight.bin", "missing")


def test_truncated_weight_file(copy):
    weight_file(copy).write_bytes(weight_file(copy).read_bytes()[:200])
    refused(copy, "leave the file")
    weight_file(copy).write_bytes(b"")
    refused(copy, "weight.bin")


@pytest.mark.parametrize(
    ("offset", "word"),
    [(2**40, "past the end"), (65, "64"), (0, "64"), (128, "sentinel"), (2**64 - 64, "past")],
)
def test_bad_weight_offset(copy, offset, word):
    def change(spec, operations):
        for operation in operations:
            if "val" in operation.attributes and operation.attributes["val"].HasField("blobFileValue"):
                operation.attributes["val"].blobFileValue.offset = offset

    refused(edit(copy, change), "weight.bin", word)


@pytest.mark.parametrize(
    ("place", "value", "word"),
    [
        (0, struct.pack("<I", 0xDEADBEE0), "sentinel"),
        (4, struct.pack("<I", 1), "fp16"),
        (4, struct.pack("<I", 77), "77"),
        (8, struct.pack("<Q", 2**63), "leave"),
        (8, struct.pack("<Q", 4), "declared"),
        (16, struct.pack("<Q", 2**50), "leave"),
    ],
)
def test_bad_weight_metadata(copy, place, value, word):
    data = bytearray(weight_file(copy).read_bytes())
    data[64 + place : 64 + place + len(value)] = value
    weight_file(copy).write_bytes(data)
    refused(copy, word)


def test_weight_file_outside(copy):
    def change(spec, operations):
        for operation in operations:
            if "val" in operation.attributes and operation.attributes["val"].HasField("blobFileValue"):
                operation.attributes["val"].blobFileValue.fileName = "@model_path/../../../../../etc/passwd"

    refused(edit(copy, change), "leaves")


def test_absurd_shape(copy):
    def change(spec, operations):
        shape = find(operations, "conv").outputs[0].type.tensorType
        shape.dimensions[2].constant.size = 2**62

    refused(edit(copy, change), "2^28", run=False)


def test_result_of_another_shape_or_type(copy):
    def shape(spec, operations):
        find(operations, "conv").outputs[0].type.tensorType.dimensions[3].constant.size = 7

    refused(edit(copy, shape), "conv", "'edges'", "[1, 3, 4, 6]")

    def kind(spec, operations):
        tensor = find(operations, "conv").outputs[0].type.tensorType
        tensor.dimensions[3].constant.size = 6
        tensor.dataType = 23

    refused(edit(copy, kind), "conv", "int32")


def test_unknown_operation(copy):
    def change(spec, operations):
        find(operations, "relu").type = "relu_of_tomorrow"

    assert load(edit(copy, change)).unsupported() == ["relu_of_tomorrow"]
    refused(copy, "relu_of_tomorrow")


def test_unknown_and_missing_argument(copy):
    def unknown(spec, operations):
        relu = find(operations, "relu")
        relu.inputs["slope"].CopyFrom(relu.inputs["x"])

    refused(edit(copy, unknown), "relu", "'slope'")

    def missing(spec, operations):
        del find(operations, "relu").inputs["slope"]
        del find(operations, "relu").inputs["x"]

    refused(edit(copy, missing), "relu", "'x'", "missing")


def test_cycle_and_double_definition(copy):
    def cycle(spec, operations):
        find(operations, "relu").inputs["x"].arguments[0].name = "up"

    refused(edit(copy, cycle), "'up'", "before it is defined", run=False)

    def twice(spec, operations):
        find(operations, "relu").inputs["x"].arguments[0].name = "edges"
        find(operations, "relu").outputs[0].name = "edges"

    refused(edit(copy, twice), "twice", run=False)


def test_arguments_that_make_no_sense(copy):
    def change(spec, operations):
        find(operations, "concat").inputs["axis"].arguments[0].name = "x"

    refused(edit(copy, change), "concat")


def test_wrong_inputs(good):
    model = load(good)
    for inputs, words in (
        ({}, ["'x'", "missing"]),
        ({"y": X}, ["'y'", "x"]),
        ({"x": X[:, :1]}, ["'x'", "[1, 2, 4, 6]"]),
        ({"x": X.astype(np.int32)}, ["float32", "int32"]),
        ({"x": X.tolist()}, ["numpy", "list"]),
        ({"x": X, "z": X}, ["'z'"]),
    ):
        with pytest.raises(InputError) as caught:
            model.predict(inputs)
        for word in [good.name, *words]:
            assert word in str(caught.value)
    with pytest.raises(InputError, match="twice"):
        model.predict({"x": X}, precision="twice")
    with pytest.raises(InputError, match="no value 'edgse' in the program; the nearest is 'edges'"):
        model.predict({"x": X}, taps=("edgse",))
    with pytest.raises(InputError, match="nowhere"):
        model.predict({"x": X}, taps=("nowhere",))
    with pytest.raises(InputError, match="'other'"):
        load(good, function="other")


def test_wrong_image(ct, convert):
    import torch

    image = ct.ImageType(name="photo", shape=(1, 3, 4, 6), color_layout=ct.colorlayout.BGR)
    model = convert(torch.nn.Identity(), torch.zeros(1, 3, 4, 6), inputs=[image])
    for bad in (np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.float32), np.zeros((6, 4, 3), np.uint8)):
        with pytest.raises(InputError, match="'photo'"):
            model.predict({"photo": bad})
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    (got,) = model.predict({"photo": pixels}).values()
    assert got[0].tolist() == pixels[..., ::-1].transpose(2, 0, 1).tolist()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))
def test_flipped_bytes_never_crash(good, tmp_path, flips):
    package = tmp_path / "fuzzed.mlpackage"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(good, package)
    data = bytearray(model_file(package).read_bytes())
    for place, value in flips:
        data[int(place * len(data))] = value
    model_file(package).write_bytes(data)
    try:
        result = load(package).predict({"x": X})
    except InputError as error:
        assert json.dumps(str(error))
    else:
        assert all(isinstance(array, np.ndarray) for array in result.values())
