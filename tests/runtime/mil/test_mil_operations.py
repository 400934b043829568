"""Single operations against values worked out by hand or by plain loops in NumPy, where frameworks differ."""

import math

import numpy as np
import pytest
import torch
from ldikit.reference.errors import InputError


@pytest.fixture(scope="module")
def mb():
    pytest.importorskip("coremltools")
    from coremltools.converters.mil.mil import Builder

    return Builder


def ramp(*shape):
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape)


# The grid points that the definition of resize_bilinear lists for Xin = 2.
GRIDS = {
    ("UNALIGN_CORNERS", 5): [0, 0.1, 0.5, 0.9, 1],
    ("STRICT_ALIGN_CORNERS", 5): [0, 0.25, 0.5, 0.75, 1],
    ("ALIGN_CORNERS", 5): [0, 0.25, 0.5, 0.75, 1],
    ("DEFAULT", 5): [0, 0.4, 0.8, 1, 1],
    ("OFFSET_CORNERS", 5): [0.1, 0.3, 0.5, 0.7, 0.9],
    ("UNALIGN_CORNERS", 6): [0, 0, 1 / 3, 2 / 3, 1, 1],
    ("STRICT_ALIGN_CORNERS", 6): [0, 0.2, 0.4, 0.6, 0.8, 1],
    ("DEFAULT", 6): [0, 1 / 3, 2 / 3, 1, 1, 1],
    ("OFFSET_CORNERS", 6): [1 / 12, 3 / 12, 5 / 12, 7 / 12, 9 / 12, 11 / 12],
    ("STRICT_ALIGN_CORNERS", 1): [0],
    ("ALIGN_CORNERS", 1): [0.5],
}


def test_resize_bilinear_samples_where_its_definition_says(build, mb):
    def program(x):
        return {
            f"{mode}_{size}": mb.resize_bilinear(
                x=x, target_size_height=1, target_size_width=size, sampling_mode=mode
            )
            for mode, size in GRIDS
        }

    got = build(program, (1, 1, 1, 2)).predict({"x": ramp(1, 1, 1, 2)})
    for (mode, size), points in GRIDS.items():
        assert np.allclose(got[f"{mode}_{size}"].ravel(), points, atol=1e-6), mode


def test_upsample_bilinear_has_three_grids(build, mb):
    def program(x):
        factors = {"scale_factor_height": 2, "scale_factor_width": 3}
        return {
            "corners": mb.upsample_bilinear(x=x, **factors, align_corners=True),
            "halves": mb.upsample_bilinear(x=x, **factors, align_corners=False),
            "neither": mb.upsample_bilinear(x=x, **factors, align_corners=False, half_pixel_centers=False),
            "default": mb.upsample_bilinear(x=x, **factors),
            "nearest": mb.upsample_nearest_neighbor(x=x, scale_factor_width=1.5),
        }

    got = build(program, (1, 1, 1, 2)).predict({"x": ramp(1, 1, 1, 2) + 1})
    assert np.allclose(got["corners"].reshape(2, 6), [1, 1.2, 1.4, 1.6, 1.8, 2], atol=1e-6)
    assert np.allclose(got["halves"].reshape(2, 6), [1, 1, 4 / 3, 5 / 3, 2, 2], atol=1e-6)
    assert np.allclose(got["neither"].reshape(2, 6), [1, 4 / 3, 5 / 3, 2, 2, 2], atol=1e-6)
    assert np.array_equal(got["default"], got["corners"])
    assert got["nearest"].ravel().tolist() == [1, 1, 2]


def test_resize_is_linear_or_nearest_over_the_last_axes(build, mb):
    def program(x):
        def size(*shape):
            return {"shape": np.array(shape, np.int32), "resized_dims": np.uint32(2)}

        return {
            "linear": mb.resize(x=x, **size(1, 5)),
            "nearest": mb.resize(x=x, interpolation_mode="NEAREST_NEIGHBOR", **size(1, 3)),
            "corners": mb.resize(x=x, sampling_mode="STRICT_ALIGN_CORNERS", **size(3, 3)),
            "sized": mb.resize_nearest_neighbor(x=x, target_size_height=1, target_size_width=4),
        }

    got = build(program, (1, 1, 1, 2)).predict({"x": ramp(1, 1, 1, 2)})
    assert np.allclose(got["linear"].ravel(), [0, 0.4, 0.8, 1, 1], atol=1e-6)
    assert got["nearest"].ravel().tolist() == [0, 1, 1]  # positions 0, 0.67, 1.33
    assert np.allclose(got["corners"].reshape(3, 3), [[0, 0.5, 1]] * 3, atol=1e-6)
    assert got["sized"].ravel().tolist() == [0, 0, 1, 1]


def test_average_pooling_counts_padding_or_not(build, mb):
    def program(x):
        window = {"x": x, "kernel_sizes": [2, 2], "strides": [1, 1]}
        return {
            "same": mb.avg_pool(pad_type="same", **window),
            "same_lower": mb.avg_pool(pad_type="same_lower", **window),
            "excluded": mb.avg_pool(pad_type="same", exclude_padding_from_average=True, **window),
            "valid": mb.avg_pool(pad_type="valid", **window),
            "custom": mb.avg_pool(x=x, kernel_sizes=[3, 1], pad_type="custom", pad=[1, 0, 0, 0]),
            "length": mb.l2_pool(pad_type="valid", **window),
            "most": mb.max_pool(pad_type="same_lower", **window),
        }

    # 0 1
    # 2 3
    got = {
        k: v.reshape(v.shape[2:])
        for k, v in build(program, (1, 1, 2, 2)).predict({"x": ramp(1, 1, 2, 2)}).items()
    }
    assert got["same"].tolist() == [[1.5, 1.0], [1.25, 0.75]]
    assert got["same_lower"].tolist() == [[0.0, 0.25], [0.5, 1.5]]
    assert got["excluded"].tolist() == [[1.5, 2.0], [2.5, 3.0]]
    assert got["valid"].tolist() == [[1.5]]
    assert np.allclose(got["custom"], [[2 / 3, 4 / 3]])
    assert np.allclose(got["length"], [[math.sqrt(14)]])
    assert got["most"].tolist() == [[0, 1], [2, 3]]


def test_same_padding_of_convolutions(build, mb):
    ones = np.ones((1, 1, 3, 2), np.float32)

    def program(x):
        return {
            "same": mb.conv(x=x, weight=ones, pad_type="same", strides=[2, 1]),
            "same_lower": mb.conv(x=x, weight=ones, pad_type="same_lower", strides=[2, 1]),
            "custom": mb.conv(x=x, weight=ones, pad_type="custom", pad=[0, 2, 1, 0]),
            "transposed": mb.conv_transpose(x=x, weight=ones, pad_type="same", strides=[2, 1]),
        }

    def convolve(x, top, bottom, left, right, step):
        padded = np.pad(x, ((top, bottom), (left, right)))
        return [
            [padded[i : i + 3, j : j + 2].sum() for j in range(padded.shape[1] - 1)]
            for i in range(0, padded.shape[0] - 2, step)
        ]

    x = ramp(4, 3)
    model = build(program, (1, 1, 4, 3))
    got = {k: v.reshape(v.shape[2:]).tolist() for k, v in model.predict({"x": x[None, None]}).items()}
    # 4 rows, stride 2: two outputs, (2 - 1)·2 + 3 - 4 = 1 row missing; 1 column missing.
    assert got["same"] == convolve(x, 0, 1, 0, 1, 2)
    assert got["same_lower"] == convolve(x, 1, 0, 1, 0, 2)
    assert got["custom"] == convolve(x, 0, 2, 1, 0, 1)
    spread = np.zeros((9, 4), np.float32)
    for i in range(4):
        for j in range(3):
            spread[2 * i : 2 * i + 3, j : j + 2] += x[i, j]
    assert got["transposed"] == spread[:8, :3].tolist()  # 8×3 wanted of 9×4: cut behind


def test_padding_and_slicing(build, mb):
    def program(x):
        return {
            "constant": mb.pad(x=x, pad=[1, 0, 0, 2], constant_val=np.float32(2)),
            "default": mb.pad(x=x, pad=[0, 1]),
            "reflect": mb.pad(x=x, pad=[2, 1], mode="reflect"),
            "replicate": mb.pad(x=x, pad=[2, 1], mode="replicate"),
            "deep": mb.pad(x=x, pad=[1, 1, 0, 0, 0, 0], mode="reflect"),
            "back": mb.slice_by_index(
                x=x, begin=[0, 0, -1], end=[2, 1, 0], stride=[1, 1, -2], end_mask=[False, False, True]
            ),
            "single": mb.slice_by_index(
                x=x, begin=[1, 0, 1], end=[0, 0, 3], squeeze_mask=[True, True, False]
            ),
            "sized": mb.slice_by_size(x=x, begin=[0, 0, 1], size=[-1, 1, 2]),
            "windows": mb.sliding_windows(x=x, axis=2, size=2),
            "reversed": mb.reverse(x=x, axes=[0]),
        }

    x = ramp(2, 1, 3)
    got = build(program, (2, 1, 3)).predict({"x": x})
    assert got["constant"].tolist() == np.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=2).tolist()
    assert got["default"][0].tolist() == [[0, 1, 2, 0]]
    assert got["reflect"][0].tolist() == [[2, 1, 0, 1, 2, 1]]
    assert got["replicate"][0].tolist() == [[0, 0, 0, 1, 2, 2]]
    assert got["deep"][:, 0, 0].tolist() == [3, 0, 3, 0]
    assert got["back"].tolist() == [[[2, 0]], [[5, 3]]]
    assert got["single"].tolist() == [4, 5]
    assert got["sized"].tolist() == [[[1, 2]], [[4, 5]]]
    assert got["windows"].tolist() == [[[[0, 1], [1, 2]]], [[[3, 4], [4, 5]]]]
    assert got["reversed"].tolist() == [[[3, 4, 5]], [[0, 1, 2]]]


def test_activations_that_torch_has_not_or_otherwise(build, mb):
    def program(x):
        return {
            "clamped": mb.clamped_relu(x=x, alpha=0.5, beta=1.5),
            "hard": mb.sigmoid_hard(x=x, alpha=0.25, beta=0.5),
            "thresholded": mb.thresholded_relu(x=x, alpha=1.0),
            "affine": mb.linear_activation(x=x, alpha=2.0, beta=-1.0),
            "tanh": mb.scaled_tanh(x=x, alpha=2.0, beta=0.5),
            "gelu_tanh": mb.gelu(x=x, mode="TANH_APPROXIMATION"),
            "gelu_sigmoid": mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"),
            "softsign": mb.softsign(x=x),
            "threshold": mb.threshold(x=x, alpha=-1.0),
            "inverse": mb.inverse(x=x, epsilon=np.float32(0.5)),
            "modulo": mb.mod(x=x, y=np.float32(1.5)),
            "floored": mb.floor_div(x=x, y=np.float32(1.5)),
        }

    x = np.array([-3, -1, 0, 1, 2], np.float32)
    got = build(program, (5,)).predict({"x": x})
    assert got["clamped"].tolist() == [-1.5, -0.5, 0, 1, 1.5]
    assert got["hard"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert got["thresholded"].tolist() == [0, 0, 0, 1, 2]
    assert got["affine"].tolist() == [-7, -3, -1, 1, 3]
    assert np.allclose(got["tanh"], 2 * np.tanh(x / 2), atol=1e-6)
    tanh = [0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    assert np.allclose(got["gelu_tanh"], tanh, atol=1e-6)
    assert np.allclose(got["gelu_sigmoid"], [v / (1 + math.exp(-1.702 * v)) for v in x], atol=1e-6)
    assert np.allclose(got["softsign"], [-0.75, -0.5, 0, 0.5, 2 / 3])
    assert got["threshold"].tolist() == [-1, -1, 0, 1, 2]
    assert np.allclose(got["inverse"], [-0.4, -2, 2, 2 / 3, 0.4])
    assert got["modulo"].tolist() == [0, 0.5, 0, 1, 0.5]
    assert got["floored"].tolist() == [-2, -1, 0, 0, 1]


def test_rearranging(build, mb):
    def program(x):
        return {
            "interleaved": mb.concat(values=(x, mb.add(x=x, y=np.float32(10))), axis=1, interleave=True),
            "to_space": mb.depth_to_space(x=x, block_size=2),
            "shuffled": mb.pixel_shuffle(x=x, upscale_factor=2),
            "flat": mb.flatten2d(x=x, axis=2),
            "nd": mb.gather_nd(x=x, indices=np.array([[0, 3], [0, 1]], np.int32)),
            "along": mb.gather_along_axis(x=x, indices=np.full((1, 2, 1, 1), -1, np.int32), axis=1),
            "band": mb.band_part(x=mb.reshape(x=x, shape=[2, 2]), lower=0, upper=-1),
            "top": mb.topk(x=x, k=2, axis=1)[0],
            "after": mb.cumsum(x=x, axis=1, exclusive=True, reverse=True),
        }

    x = np.array([1, 2, 3, 4], np.float32).reshape(1, 4, 1, 1)
    got = build(program, (1, 4, 1, 1)).predict({"x": x})
    assert got["interleaved"].ravel().tolist() == [1, 11, 2, 12, 3, 13, 4, 14]
    assert got["to_space"].tolist() == [[[[1, 2], [3, 4]]]]
    assert got["shuffled"].tolist() == [[[[1, 2], [3, 4]]]]
    assert got["flat"].shape == (4, 1)
    assert got["nd"].ravel().tolist() == [4, 2]
    assert got["along"].ravel().tolist() == [4, 4]
    assert got["band"].tolist() == [[1, 2], [0, 4]]
    assert got["top"].ravel().tolist() == [4, 3]
    assert got["after"].ravel().tolist() == [9, 7, 4, 0]


def test_depth_to_space_and_pixel_shuffle_differ_for_more_channels(build, mb):
    def program(x):
        return {
            "to_space": mb.depth_to_space(x=x, block_size=2),
            "to_depth": mb.space_to_depth(x=mb.depth_to_space(x=x, block_size=2), block_size=2),
            "shuffled": mb.pixel_shuffle(x=x, upscale_factor=2),
        }

    got = build(program, (1, 8, 1, 1)).predict({"x": ramp(1, 8, 1, 1)})
    assert got["to_space"].tolist() == [[[[0, 2], [4, 6]], [[1, 3], [5, 7]]]]
    assert got["shuffled"].tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]
    assert got["to_depth"].ravel().tolist() == list(range(8))


def test_casting_cuts_towards_zero(build, mb):
    def program(x):
        whole = mb.cast(x=x, dtype="int32")
        return {"whole": whole, "back": mb.cast(x=whole, dtype="fp32"), "half": mb.cast(x=x, dtype="fp16")}

    x = np.array([-1.7, -0.2, 0.9, 2049.0], np.float32)
    got = build(program, (4,)).predict({"x": x})
    assert got["whole"].dtype == np.int32
    assert got["whole"].tolist() == [-1, 0, 0, 2049]
    assert got["half"].dtype == np.float16
    assert got["half"].astype(np.float64).tolist()[3] == 2048


def test_pessimistic_half_loses_what_an_accumulator_loses(build, mb):
    # 64 channels: the first 32 sum to 2049 (2048 in half precision), the other 32 to 1.
    weight = np.zeros((1, 64, 1, 1), np.float32)
    weight[0, 0], weight[0, 1], weight[0, 40] = 2048, 1, 1

    def program(x):
        return {
            "conv": mb.conv(x=x, weight=weight),
            "matmul": mb.matmul(x=weight.reshape(1, 64), y=mb.reshape(x=x, shape=[64, 1])),
            "sum": mb.reduce_sum(x=mb.mul(x=x, y=weight), axes=[1]),
        }

    model = build(program, (1, 64, 1, 1), half=True)
    ones = np.ones((1, 64, 1, 1), np.float32)
    for name in ("conv", "matmul", "sum"):
        assert model.predict({"x": ones})[name].item() == 2050
        assert model.predict({"x": ones}, precision="pessimistic")[name].item() == 2048


def test_overflow_in_half_precision_is_noticed(build, mb):
    model = build(
        lambda x: {"big": mb.mul(x=mb.mul(x=x, y=np.float32(300)), y=np.float32(0.01))}, (2,), half=True
    )
    got = model.predict({"x": np.array([1, 400], np.float32)})
    assert np.isinf(got["big"][1])
    assert got["big"][0] == pytest.approx(3, rel=1e-2)
    assert model.stats.overflows
    assert not model.stats.peak <= 65504


def test_two_grids_at_once_are_refused(build, mb):
    model = build(
        lambda x: {
            "up": mb.upsample_bilinear(x=x, scale_factor_width=2, align_corners=True, half_pixel_centers=True)
        },
        (1, 1, 2, 2),
    )
    with pytest.raises(InputError, match=r"upsample_bilinear .*half_pixel_centers"):
        model.predict({"x": ramp(1, 1, 2, 2)})


@pytest.mark.parametrize("target", ["iOS15", "iOS16", "iOS18"])
def test_other_opsets(build, mb, target):
    model = build(lambda x: {"y": mb.relu(x=mb.sub(x=x, y=np.float32(1)))}, (3,), target=target)
    assert model.predict({"x": ramp(3)})["y"].tolist() == [0, 0, 1]


def test_zeros_of_a_shape_keep_sizes_counted_from_the_end():
    from ldikit.runtime.mil.shape import reshape

    x = torch.zeros(2, 3, 4)
    wanted = {(6, 0): (6, 4), (-1, 0): (6, 4), (0, 3, 4): (2, 3, 4), (1, 0, 0, 0): (1, 2, 3, 4)}
    assert {shape: tuple(reshape(None, x, shape).shape) for shape in wanted} == wanted


def test_a_product_of_integers_with_constant_floats_is_cut_off_to_the_declared_integers(build, mb):
    weight = np.array([[0.75, -0.75], [1.0, -1.0]], np.float32)

    def program(x):
        return {
            "left": mb.matmul(x=x, y=weight),
            "right": mb.matmul(x=weight, y=x),
        }

    got = build(program, (2, 2), dtype="int32").predict({"x": np.array([[1, 2], [-3, 1]], np.int32)})
    # 2.75 and -2.75; -1.25 and 1.25 / 3 and 0.75; 4 and 1
    assert got["left"].dtype == np.int32
    assert got["left"].tolist() == [[2, -2], [-1, 1]]
    assert got["right"].tolist() == [[3, 0], [4, 1]]


def test_local_response_norm_takes_the_first_axis_of_three_for_channels(build, mb):
    def program(x):
        options = {"size": 3, "alpha": 0.75, "beta": 1.0, "k": 2.0}
        return {
            "three": mb.local_response_norm(x=x, **options),
            "four": mb.local_response_norm(x=mb.expand_dims(x=x, axes=[3]), **options),
        }

    got = build(program, (1, 3, 1)).predict({"x": np.array([1, -2, 4], np.float32).reshape(1, 3, 1)})
    assert np.allclose(got["three"].ravel(), [1 / 2.25, -2 / 3, 4 / 6])
    # Sums of squares 1 + 4, 1 + 4 + 16, 4 + 16.
    assert np.allclose(got["four"].ravel(), [1 / 3.25, -2 / 7.25, 4 / 7])
