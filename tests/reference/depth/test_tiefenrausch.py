"""Reading Caffe2 nets and building the network, on a net that is encoded and computed by hand."""

import math
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.reference.depth.tiefenrausch.load import load_tiefenrausch, net_folder
from ldikit.reference.depth.tiefenrausch.netdef import LARGEST_BYTES, parse_net, read_net
from ldikit.reference.depth.tiefenrausch.network import Tiefenrausch, inner_size, shrink
from ldikit.reference.depth.tiefenrausch.plan import Convolution, Doubling, Range, Sum
from ldikit.reference.depth.tiefenrausch.planner import plan_of
from ldikit.reference.depth.tiefenrausch.wire import WireError, fields, signed
from ldikit.reference.errors import InputError
from ldikit.reference.networks import depth_network


def varint(value):
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def block(number, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def argument(name, value):
    if isinstance(value, float):
        body = varint(2 << 3 | 5) + struct.pack("<f", value)
    elif isinstance(value, int):
        body = varint(3 << 3) + varint(value)
    elif isinstance(value, bytes):
        body = block(4, value)
    else:
        body = b"".join(varint(6 << 3) + varint(item) for item in value)
    return block(5, block(1, name) + body)


def operator(kind, inputs, output, scale=None, zero_point=None, **arguments):
    if scale is not None:
        arguments |= {"Y_scale": scale, "Y_zero_point": zero_point}
    body = b"".join(block(1, name) for name in inputs) + block(2, output) + block(4, kind)
    return block(2, body + b"".join(argument(name, value) for name, value in arguments.items()))


def convolution(source, layer, output, scale, zero_point, kernel=1, stride=1, group=1):
    pad = kernel // 2
    return operator(
        "Int8Conv",
        [source, f"1.{layer}.conv.weight_int8", f"{layer}_bias"],
        output,
        scale,
        zero_point,
        strides=[stride] * 2,
        pads=[pad] * 4,
        dilations=[1, 1],
        kernels=[kernel] * 2,
        group=group,
        order=b"NHWC",
    )


def weight(layer, shape, values, scale, zero_point, bias, bias_scale):
    name = f"1.{layer}.conv.weight_int8"
    return operator(
        "Int8GivenTensorFill", [], name, scale, zero_point, shape=shape, values=bytes(values)
    ) + operator("Int8GivenIntTensorFill", [], f"{layer}_bias", bias_scale, 0, shape=[len(bias)], values=bias)


# 0.5·red + 1·green + 1.5·blue + 1 at half the size (the middle tap of a 3×3 kernel alone), within −2.56…2.54;
# minus half of it, below 0 only; their sum; doubled; a quarter of that is the log-disparity.
MIDDLE = [*[10] * 12, 11, 12, 13, *[10] * 12]
START = (
    operator("NCHW2NHWC", ["0"], "0_NHWC") + operator("Int8Quantize", ["0_NHWC"], "photo", 0.01, 0),
    convolution("photo", "first", "a", 0.02, 128, kernel=3, stride=2),
    convolution("a", "stages.0", "b", 0.01, 255),
    operator("Int8Add", ["a", "b"], "c", 0.02, 0),
    operator("Int8ResizeNearest", ["c"], "d", 0.02, 0, height_scale=2.0, width_scale=2.0),
    convolution("d", "last", "e", 0.01, 128),
    operator("Int8Dequantize", ["e"], "f"),
)
PREDICT = block(1, "predict") + b"".join(START) + block(7, "0") + block(8, "f")
INIT = (
    weight("first", [1, 3, 3, 3], MIDDLE, 0.5, 10, [10], 0.1)
    + weight("stages.0", [1, 1, 1, 1], [127], 0.5, 128, [0], 0.1)
    + weight("last", [1, 1, 1, 1], [129], 0.25, 128, [0], 0.1)
)


def plan(predict=PREDICT, init=INIT):
    return plan_of(parse_net(memoryview(predict)), parse_net(memoryview(init)), "FOLDER")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tiefenrausch.pb").write_bytes(PREDICT)
    (tmp_path / "tiefenrausch_init.pb").write_bytes(INIT)
    return tmp_path


def test_fields_of_every_wire_type():
    # The first message of the encoding's own documentation: field 1 is 150.
    message = bytes.fromhex("089601") + varint(2 << 3 | 1) + bytes(8) + block(3, b"xyz")
    message += varint(4 << 3 | 5) + struct.pack("<f", 0.5)
    assert [(number, value) for number, value in fields(memoryview(message))] == [
        (1, 150),
        (3, b"xyz"),
        (4, 0.5),
    ]


def test_negative_numbers_are_of_64_bits():
    ((_, value),) = fields(memoryview(varint(8) + varint(-2)))
    assert signed(value) == -2 and signed(7) == 7


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("08", "ends inside a number"),
        ("08ffffffffffffffffffffff01", "more than 10 bytes"),
        ("0a05aa", "5 bytes from byte 2, but only 1"),
        ("0b", "unknown wire type 3"),
        ("0d0000", "4 bytes"),
    ],
)
def test_damaged_messages_say_where(message, why):
    with pytest.raises(WireError, match=why):
        list(fields(memoryview(bytes.fromhex(message))))


def test_plan_of_the_small_net():
    made = plan()
    assert [type(step) for step in made.steps] == [Convolution, Convolution, Sum, Doubling, Convolution]
    first, second = made.steps[:2]
    assert (first.layer, first.stride, first.source, second.layer) == ("first", 2, "photo", "stages_0")
    assert first.range.low == pytest.approx(-2.56) and first.range.high == pytest.approx(2.54)
    assert made.photo_range == Range(0.0, pytest.approx(2.55))
    values, bias = made.parameters["first"]
    assert values.shape == (1, 3, 3, 3) and bias.tolist() == [1.0]
    assert values[0, :, 1, 1].tolist() == [0.5, 1.0, 1.5] and values.abs().sum() == 3.0
    assert (made.photo, made.output) == ("photo", "e")


def test_network_computes_within_the_ranges(folder):
    network = load_tiefenrausch(folder, 64, 96)
    dim = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1).expand(1, 3, 64, 96)
    # a = 0.1 + 0.4 + 0.9 + 1 = 2.4, b = −1.2, c = 1.2, and exp(0.3).
    torch.testing.assert_close(network(dim), torch.full((1, 1, 64, 96), math.exp(0.3)))
    # a = 4 is held at 2.54, b = −1.27, c = 1.27.
    torch.testing.assert_close(
        network(torch.ones(1, 3, 64, 96)), torch.full((1, 1, 64, 96), math.exp(0.3175))
    )


def test_networks_run_at_384_pixels_and_answer_at_the_programs_size(folder):
    network = load_tiefenrausch(folder, 384, 512)
    assert network.inner == (288, 384) and not network.normalised
    photo = torch.rand(1, 3, 384, 512, generator=torch.Generator().manual_seed(0))
    assert network(photo).shape == (1, 1, 384, 512)


@pytest.mark.parametrize(
    ("size", "inner"),
    [((384, 512), (288, 384)), ((512, 384), (384, 288)), ((320, 512), (224, 384)), ((256, 320), (256, 320))],
)
def test_inner_size_floors_to_multiples_of_32(size, inner):
    assert inner_size(*size) == inner
    assert inner_size(64, 2048) == (32, 384)


def test_shrink_keeps_means_of_areas():
    picture = torch.arange(64.0).view(1, 1, 8, 8)
    torch.testing.assert_close(shrink(picture, 2, 2), torch.tensor([[[[13.5, 17.5], [45.5, 49.5]]]]))
    assert shrink(picture, 8, 8) is picture
    assert shrink(picture, 6, 6).mean() == pytest.approx(31.5)


def test_paths_of_the_pair_are_found(folder):
    assert net_folder(folder) == folder == net_folder(folder / "tiefenrausch_init.pb")
    assert net_folder(folder / "absent") is None and net_folder(folder.parent) is None
    assert type(depth_network(str(folder), 64, 64)).__name__ == "Tiefenrausch"


def test_missing_files_are_named(folder, monkeypatch):
    (folder / "tiefenrausch_init.pb").unlink()
    with pytest.raises(InputError, match=r"there is no file .*tiefenrausch_init\.pb"):
        depth_network(str(folder), 64, 64)
    monkeypatch.setenv("LDIKIT_MODELS", str(folder))
    with pytest.raises(InputError, match=r"ldikit models get tiefenrausch"):
        depth_network("tiefenrausch", 64, 64)


def test_truncated_and_oversized_files_are_refused(folder):
    path = folder / "tiefenrausch.pb"
    path.write_bytes(PREDICT[:-40])
    with pytest.raises(InputError, match=r"tiefenrausch\.pb is no whole Caffe2 net: it ends inside"):
        load_tiefenrausch(folder, 64, 64)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="holds no operator"):
        read_net(path)
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(InputError, match="too large"):
        read_net(path)


def _with(index, replacement):
    return block(1, "predict") + b"".join([*START[:index], replacement, *START[index + 1 :]]) + block(8, "f")


@pytest.mark.parametrize(
    ("predict", "init", "why"),
    [
        (INIT, PREDICT, "Int8GivenTensorFill"),
        (PREDICT, PREDICT, "hold no tensor '1.first.conv.weight_int8'"),
        (_with(3, operator("Relu", ["a"], "c")), INIT, "the operation 'Relu'"),
        (
            _with(3, operator("Int8Add", ["a"], "c", 0.02, 0)),
            INIT,
            "Int8Add takes 2 tensors and gives one, got 1",
        ),
        (_with(3, operator("Int8Add", ["a", "photo"], "c", 0.02, 0)), INIT, "it adds Shape"),
        (_with(3, operator("Int8Add", ["a", "z"], "c", 0.02, 0)), INIT, "nothing computes the tensor 'z'"),
        (_with(3, operator("Int8Add", ["a", "b"], "a", 0.02, 0)), INIT, "computes the tensor 'a' twice"),
        (_with(3, operator("Int8Add", ["a", "b"], "c", math.inf, 0)), INIT, "a scale of Int8Add is inf"),
        (_with(3, operator("Int8Add", ["a", "b"], "c", 0.02, 256)), INIT, "a zero point of Int8Add is 256"),
        (
            _with(4, operator("Int8ResizeNearest", ["c"], "d", 0.02, 0, height_scale=3.0, width_scale=3.0)),
            INIT,
            "other than 2×2",
        ),
        (
            _with(
                4, operator("Int8ResizeNearest", ["photo"], "d", 0.01, 0, height_scale=2.0, width_scale=2.0)
            ),
            INIT,
            "'d' is finer than the photo",
        ),
        (_with(1, convolution("photo", "first", "a", 0.02, 128, 1, 2)), INIT, "does not fit"),
        (_with(1, convolution("photo", "first", "a", 0.02, 128, 3, 2, group=3)), INIT, "does not fit"),
        (_with(2, convolution("a", "first", "b", 0.02, 128)), INIT, "names no layer of its own"),
        (_with(6, operator("Int8Dequantize", ["a"], "f")), INIT, "1 channels at 1/2 of the photo's size"),
        (PREDICT + block(8, "c"), INIT, "gives one tensor, this one 2"),
        (START[0] + PREDICT, INIT, "what it rounds|more than one photo"),
        (
            PREDICT,
            weight("first", [1, 3, 3, 3], MIDDLE[1:], 0.5, 10, [10], 0.1),
            "does not hold what its shape",
        ),
        (PREDICT, weight("first", [1, 3, 3, 3], MIDDLE, 0.5, 10, [1, 2], 0.1), "does not have 1 numbers"),
        (PREDICT, weight("first", [1, 3, 3, 3], MIDDLE, 0.5, 10, [1 << 40], 0.1), "no int32"),
        (PREDICT, weight("first", [1, 3, 3, 0], MIDDLE, 0.5, 10, [1], 0.1), "no shape of"),
    ],
)
def test_other_networks_are_refused_in_one_line(predict, init, why):
    with pytest.raises(InputError, match=why) as error:
        plan(predict, init)
    assert str(error.value).startswith("FOLDER does not hold the tiefenrausch depth network")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (block(2, b"") * 1025, "more than 1024 operators"),
        (operator("Int8Conv", ["x"] * 17, "y"), "more than 16 tensors"),
        (operator("Int8GivenIntTensorFill", [], "y", values=[0] * 4097), "more than 4096 integers"),
        (operator("x" * 201, [], "y"), "at most 200 bytes"),
        (varint(2 << 3) + varint(1), "a number stands where an operator"),
        (block(2, block(4, b"\xff")), "a name is not text"),
    ],
)
def test_nets_beyond_the_limits_are_refused(net, why):
    with pytest.raises(WireError, match=why):
        parse_net(memoryview(net))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.booleans(), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255), st.booleans()), max_size=4)
)
def test_mutated_nets_are_networks_or_refused(which, changes):
    nets = [bytearray(PREDICT), bytearray(INIT)]
    net = nets[which]
    for at, value, cut in changes:
        index = at % max(len(net), 1)
        net[index : len(net) if cut and value < 8 else index + 1] = bytes([value])
    try:
        made = plan_of(*(_read(bytes(net)) for net in nets), "FOLDER")
    except InputError as error:
        assert "\n" not in str(error)
        return
    with torch.no_grad():
        disparity = Tiefenrausch(made, 32, 32)(torch.full((1, 3, 32, 32), 0.5))
    assert disparity.shape == (1, 1, 32, 32)


def _read(content):
    try:
        return parse_net(memoryview(content))
    except WireError as error:
        raise InputError(str(error)) from error
