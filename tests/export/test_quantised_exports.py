"""int8 and w8 of one stage in each format: the recipe's numbers, the oracle's results, nothing in silence."""

import re
import shutil
import struct

import numpy as np
import pytest
import torch
from ldikit.export.convert import export_file
from ldikit.export.operations import not_int8, table
from ldikit.reference.errors import InputError
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.backends.canonical import run_canonical
from ldikit.runtime.backends.loader import open_runner
from ldikit.runtime.scales.found import OperationPrecision, check_scales
from ldikit.runtime.scales.readers import read_scales
from ldikit.runtime.scales.slots import Slot

# One step of eight bits over a network's output, which lies in 0 to 1.
STEP = 1 / 255
SIZE = ProgramSize(64, 96)
UPSAMPLINGS = [f"inpaint/upsample_bilinear2d{number}: Resize in fp32" for number in ("", ".1", ".2")]


@pytest.fixture
def slots(quantised_export, quantisation, small_program):
    """What each file must hold."""
    return {p: quantisation.slots(small_program, f.entry, SIZE) for p, f in quantised_export.files.items()}


def oracle(quantisation, program, precision, tensors):
    stage = quantisation.exported(program, precision, "onnx", SIZE).inpainting
    with torch.no_grad():
        results = stage(*(torch.from_numpy(tensor) for tensor in tensors.values()))
    return dict(zip(("hidden_color", "hidden_disparity"), (r.numpy() for r in results), strict=True))


@pytest.mark.parametrize("precision", ["int8", "w8"])
def test_every_number_of_the_recipe_is_in_the_file(quantised_export, quantisation, slots, precision):
    entry = quantised_export.files[precision].entry
    found = read_scales(entry.format, quantised_export.paths[precision], slots[precision])
    assert check_scales(found, quantisation.of(precision)) == []
    recipe = quantisation.recipe.networks["inpaint"]
    assert {f.slot.name for f in found.weights} == set(recipe.weights)
    assert {f.slot.name for f in found.activations} == (
        set(recipe.activations) if precision == "int8" else set()
    )


@pytest.mark.parametrize(("precision", "steps"), [("int8", 2.0), ("w8", 0.01)])
def test_a_file_gives_what_the_oracle_gives(quantised_export, quantisation, small_program, precision, steps):
    entry = quantised_export.files[precision].entry
    runner = open_runner(quantised_export.paths[precision], entry)
    outputs = run_canonical(runner, entry.inputs, entry.outputs, quantised_export.inputs)
    expected = oracle(quantisation, small_program, precision, quantised_export.inputs)
    for name, wanted in expected.items():
        assert np.abs(outputs[name] - wanted).max() <= steps * STEP, name
        assert np.abs(wanted - quantised_export.expected[name]).max() > 1e-4, "quantisation changes something"


def test_what_is_not_int8_is_listed(quantised_export):
    entry = quantised_export.files["int8"].entry
    # onnxruntime has no int8 kernel for bilinear upsampling that rounds: it computes it in float.
    assert entry.not_int8 == (tuple(UPSAMPLINGS) if entry.format == "onnx" else ())
    convolutions = {"onnx": "QLinearConv", "coreml": "conv", "tflite": "CONV_2D"}
    sums = {"onnx": "QLinearAdd", "coreml": "add", "tflite": "ADD"}
    assert entry.operations[sums[entry.format]]["int8"] == 3
    found = entry.operations[convolutions[entry.format]]["int8"]
    depthwise = entry.operations.get("DEPTHWISE_CONV_2D", {}).get("int8", 0)
    assert found + depthwise == 16
    assert quantised_export.files["w8"].entry.not_int8 == ()


def test_one_changed_number_is_named(quantised_export, quantisation, slots, tmp_path):
    entry = quantised_export.files["int8"].entry
    if entry.format == "tflite":
        pytest.skip("its own test changes bytes of the flatbuffer")
    change = {"onnx": change_onnx, "coreml": change_coreml}[entry.format]
    changed = change(quantised_export.paths["int8"], tmp_path)
    found = read_scales(entry.format, changed, slots["int8"])
    differences = check_scales(found, quantisation.recipe)
    tensors = list(quantisation.recipe.networks["inpaint"].activations)
    layers = list(quantisation.recipe.networks["inpaint"].weights)
    named = {(d.slot.kind, d.slot.name) for d in differences}
    assert named == {("activation", tensors[3]), ("activation", tensors[0]), ("weight", layers[4])}
    texts = " | ".join(str(d) for d in differences)
    assert re.search(rf"tensor inpaint/{re.escape(tensors[3])}: scale is .* \(4×\)", texts)
    assert f"tensor inpaint/{tensors[0]}: zero point is " in texts
    assert re.search(rf"layer inpaint/{re.escape(layers[4])}: scale of channel .* \(4×\)", texts)


def change_onnx(path, folder):
    """Scale × 4 of the fourth tensor and of a channel of the fifth layer, zero point + 20 of the first."""
    import onnx

    model = onnx.load(path)
    constants = {t.name: t for t in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    rounding = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    widening = [
        makers[node.input[1]]
        for node in model.graph.node
        if node.op_type == "Conv" and node.input[1] in makers
    ]

    def own(node, index, change):
        """Give a node a number of its own."""
        old = onnx.numpy_helper.to_array(constants[node.input[index]])
        new = f"changed{len(model.graph.initializer)}"
        model.graph.initializer.append(onnx.numpy_helper.from_array(change(old.copy()), new))
        node.input[index] = new

    def first_times_four(scales):
        scales[0] *= 4
        return scales

    own(rounding[3], 1, lambda scale: scale * np.float32(4))
    own(rounding[0], 2, lambda point: point + np.int8(20))
    own(widening[4], 1, first_times_four)
    target = folder / path.name
    onnx.save(model, target)
    return target


def change_coreml(path, folder):
    """As `change_onnx`, in the saved program."""
    from coremltools.proto import Model_pb2

    target = folder / path.name
    shutil.copytree(path, target)
    file = target / "Data/com.apple.CoreML/model.mlmodel"
    spec = Model_pb2.Model()
    spec.ParseFromString(file.read_bytes())
    block = next(iter(spec.mlProgram.functions["main"].block_specializations.values()))
    constants = {op.outputs[0].name: op.attributes["val"] for op in block.operations if op.type == "const"}
    makers = {op.outputs[0].name: op for op in block.operations}
    rounding = [op for op in block.operations if op.type == "quantize"]
    widening = [
        makers[op.inputs["weight"].arguments[0].name]
        for op in block.operations
        if op.type == "conv" and makers[op.inputs["weight"].arguments[0].name].type.startswith("constexpr")
    ]
    constants[rounding[3].inputs["scale"].arguments[0].name].immediateValue.tensor.floats.values[0] *= 4
    point = constants[rounding[0].inputs["zero_point"].arguments[0].name].immediateValue.tensor.bytes
    point.values = bytes([(point.values[0] + 20) % 256])
    weights = target / "Data/com.apple.CoreML/weights/weight.bin"
    content = bytearray(weights.read_bytes())
    entry = widening[4].attributes["scale"].blobFileValue.offset
    (start,) = struct.unpack_from("<Q", content, entry + 16)  # of the numbers, after sentinel, type and size
    struct.pack_into("<f", content, start, 4 * struct.unpack_from("<f", content, start)[0])
    weights.write_bytes(content)
    file.write_bytes(spec.SerializeToString())
    return target


def test_a_quantised_precision_needs_a_recipe_and_a_network(small_program, tmp_path):
    with pytest.raises(InputError, match=r"int8 needs a quantisation recipe"):
        export_file(small_program, "inpainting", SIZE, "onnx", "int8", tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"layering holds no network"):
        export_file(small_program, "layering", SIZE, "coreml", "p4", tmp_path / "a.mlpackage")
    with pytest.raises(InputError, match=r"'p6' is offered by coreml alone"):
        export_file(small_program, "inpainting", SIZE, "tflite", "p6", tmp_path / "a.tflite")
    assert not list(tmp_path.iterdir())


def test_palettes_hold_as_many_values_as_their_bits_name(small_program, tmp_path):
    pytest.importorskip("coremltools")
    from ldikit.runtime.mil import load

    sizes = {}
    for precision, values in (("p4", 16), ("p6", 64)):
        path = tmp_path / f"a.{precision}.mlpackage"
        exported = export_file(small_program, "inpainting", SIZE, "coreml", precision, path)
        assert exported.entry.operations["conv"] == {"fp32": 17}
        model = load(path)
        assert not model.unsupported()
        tables = [o.inputs["lut"][0].data for o in model.function.operations if "lut" in o.inputs]
        assert len(tables) > 10
        assert {table.size for table in tables} == {values}
        sizes[precision] = (path / "Data/com.apple.CoreML/weights/weight.bin").stat().st_size
        assert exported.substitutions[0].max_abs_error < 0.2
    assert sizes["p4"] < 0.75 * sizes["p6"]


def test_operations_are_counted_and_listed():
    add = Slot("inpaint", 1, "activation", "add", "add")
    found = [
        OperationPrecision("Add", "fp32", add),
        OperationPrecision("Add", "fp32"),
        OperationPrecision("Conv", "int8", Slot("depth", 0, "activation", "stem", "conv2d")),
    ]
    assert table(found) == {"Add": {"fp32": 2}, "Conv": {"int8": 1}}
    assert not_int8(found) == ("inpaint/add (call 2): Add in fp32",)
