"""Small graphs written by hand, and files that are none."""

import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.scales.onnx_file import read_operations, read_scales
from ldikit.runtime.scales.slots import Slot, Slots

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

X, Y = Slot("depth", 0, "activation", "input/photo"), Slot("depth", 0, "activation", "first", "conv2d")
SLOTS = Slots((X, Y), (Slot("depth", 0, "weight", "first"),))

TEXT = """<ir_version: 10, opset_import: ["" : 18]>
first (float[1,1,4,4] x) => (float[1,1,4,4] y)
<int8[1,1,1,1] w = {3}, float[1] ws = {0.5}, int8[1] wz = {0}, float s = {0.25}, int8 z = {-5},
 float t = {0.125},
 float o = {-128.0}, float p = {127.0}>
{
  xq = QuantizeLinear (x, s, z)
  xd = DequantizeLinear (xq, s, z)
  wd = DequantizeLinear <axis = 0> (w, ws, wz)
  c = Conv (xd, wd)
  k = Clip (c, o, p)
  yq = QuantizeLinear (k, t, z)
  y = DequantizeLinear (yq, t, z)
}"""


def save(text, path):
    onnx.save(onnx.parser.parse_model(text), path)
    return path


def test_numbers_are_read_in_the_order_of_the_graph(tmp_path):
    found = read_scales(save(TEXT, tmp_path / "a.onnx"), SLOTS)
    assert [(f.slot, f.scales, f.zero_points) for f in found.activations] == [
        (X, (0.25,), (-5,)),
        (Y, (0.125,), (-5,)),
    ]
    assert [(f.scales, f.zero_points) for f in found.weights] == [((0.5,), (0,))]


def test_a_kernel_that_is_stored_once_and_repeated_is_a_layer(tmp_path):
    text = TEXT.replace("DequantizeLinear <axis = 0> (w, ws, wz)", "DequantizeLinear <axis = 0> (v, ws, wz)")
    text = text.replace("float o = ", "int64[4] n = {1, 1, 1, 1},\n float o = ")
    text = text.replace("  wd = ", "  v = Expand (w, n)\n  wd = ")
    found = read_scales(save(text, tmp_path / "a.onnx"), SLOTS)
    assert [(f.scales, f.zero_points) for f in found.weights] == [((0.5,), (0,))]


def test_a_reader_with_other_numbers_is_given_too(tmp_path):
    text = TEXT.replace("y = DequantizeLinear (yq, t, z)", "y = DequantizeLinear (yq, s, z)")
    found = read_scales(save(text, tmp_path / "a.onnx"), SLOTS)
    assert [(f.slot, f.scales) for f in found.activations] == [(X, (0.25,)), (Y, (0.125,)), (Y, (0.25,))]


def test_operations_are_those_that_onnxruntime_runs(tmp_path):
    path = save(TEXT, tmp_path / "a.onnx")
    found = {(o.kind, o.precision, o.slot) for o in read_operations(path, SLOTS)}
    assert ("QLinearConv", "int8", Y) in found
    assert not any(kind in ("Conv", "Clip") for kind, _, _ in found)
    saved = {(o.kind, o.precision) for o in read_operations(path, None)}
    assert ("Conv", "fp32") in saved


def test_an_operation_left_in_float_keeps_its_slot(tmp_path):
    # Clipped within the range that int8 holds: the clip changes values, so nothing may be merged.
    text = TEXT.replace("float o = {-128.0}, float p = {127.0}", "float o = {0.5}, float p = {1.0}")
    found = [o for o in read_operations(save(text, tmp_path / "a.onnx"), SLOTS) if o.slot is not None]
    assert [(o.precision, o.slot) for o in found] == [("fp32", Y)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("yq = QuantizeLinear (k, t, z)", "yq = Cast <to = 3> (k)"), "has 1 tensors rounded to int8"),
        (("c = Conv (xd, wd)", "c = Mul (xd, wd)"), "has 0 int8 layers"),
        (("yq = QuantizeLinear (k, t, z)", "tt = Abs (t) yq = QuantizeLinear (k, tt, z)"), "is no constant"),
    ],
)
def test_files_that_cannot_be_told_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_scales(save(TEXT.replace(*change), tmp_path / "a.onnx"), SLOTS)


def test_what_is_no_onnx_file_is_refused(tmp_path):
    path = tmp_path / "a.onnx"
    with pytest.raises(InputError, match="cannot read"):
        read_scales(path, SLOTS)
    path.write_bytes(b"\xff\xff\xff\xff not a model")
    with pytest.raises(InputError, match="not an ONNX file"):
        read_scales(path, SLOTS)
