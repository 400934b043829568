"""Quantised activations and compressed weights, against coremltools' own decompression and against loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.runtime.mil import load
from ldikit.runtime.mil.blob import unpack_bits


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1, 2, 3, 4, 6]), st.booleans(), st.lists(st.integers(0, 63), max_size=40))
def test_packed_bits_are_read_from_the_least_significant_up(bits, signed, numbers):
    values = [number % 2**bits for number in numbers]
    stream = sum(value << (i * bits) for i, value in enumerate(values))
    packed = np.frombuffer(stream.to_bytes((len(values) * bits + 7) // 8, "little"), np.uint8)
    wanted = [v - 2**bits if signed and v >= 2 ** (bits - 1) else v for v in values]
    assert unpack_bits(packed, bits, len(values), signed).tolist() == wanted


def test_quantize_rounds_halves_to_even_and_clips(build):
    from coremltools.converters.mil import mil

    mb = mil.Builder

    def program(x):
        signed = mb.quantize(input=x, scale=np.float32(0.5), zero_point=np.int8(3), output_dtype="int8")
        plain = mb.quantize(input=x, scale=np.float32(2), output_dtype="uint8")
        rows = mb.quantize(
            input=mb.reshape(x=x, shape=[2, 3]),
            scale=np.array([1, 0.25], np.float32),
            zero_point=np.array([0, 10], np.uint8),
            axis=0,
            output_dtype="uint8",
        )
        return {
            "signed": mb.dequantize(input=signed, scale=np.float32(0.5), zero_point=np.int8(3)),
            "steps": mb.dequantize(input=signed, scale=np.float32(1)),
            "plain": mb.dequantize(input=plain, scale=np.float32(1)),
            "rows": mb.dequantize(input=rows, scale=np.array([1, 1], np.float32), axis=0),
        }

    x = np.array([0.25, 0.75, -1, 3, 100, -100], np.float32)
    got = build(program, (6,)).predict({"x": x})
    assert got["steps"].tolist() == [3, 5, 1, 9, 127, -128]  # round(0.5) = 0, round(1.5) = 2
    assert got["signed"].tolist() == [0, 1, -1, 3, 62, -65.5]
    assert got["plain"].tolist() == [0, 0, 0, 2, 50, 0]
    assert got["rows"].tolist() == [[0, 1, 0], [22, 255, 0]]


@pytest.fixture(scope="module")
def compressible(ct, save):
    """A linear map of 64 to 64, kept as a coremltools model to compress, and an input."""
    from coremltools.converters.mil import mil

    mb, types = mil.Builder, mil.types

    rng = np.random.default_rng(4)
    weight = rng.normal(size=(64, 64)).astype(np.float32)

    @mb.program(input_specs=[mb.TensorSpec(shape=(2, 64), dtype=types.fp32)], opset_version=ct.target.iOS18)
    def program(x):
        return mb.linear(x=x, weight=weight, name="y")

    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS18,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    return model, weight, rng.normal(size=(2, 64)).astype(np.float32)


def quantizer(**options):
    return lambda cto, model, joint: cto.linear_quantize_weights(
        model,
        cto.OptimizationConfig(cto.OpLinearQuantizerConfig(weight_threshold=0, **options)),
        joint_compression=joint,
    )


def palettizer(**options):
    return lambda cto, model, joint: cto.palettize_weights(
        model,
        cto.OptimizationConfig(cto.OpPalettizerConfig(weight_threshold=0, **options)),
        joint_compression=joint,
    )


def prune(cto, model, joint):
    return cto.prune_weights(
        model,
        cto.OptimizationConfig(cto.OpMagnitudePrunerConfig(target_sparsity=0.6, weight_threshold=0)),
        joint_compression=joint,
    )


SCALE, LUT, SPARSE = (
    f"constexpr_{name}" for name in ("blockwise_shift_scale", "lut_to_dense", "sparse_to_dense")
)
GROUPS = {"granularity": "per_grouped_channel", "group_size": 16}

METHODS = {
    "int8": ([quantizer(dtype="int8")], [SCALE], 0.02),
    "uint8 of the whole": (
        [quantizer(mode="linear", dtype="uint8", granularity="per_tensor")],
        [SCALE],
        0.02,
    ),
    "int4 channels": ([quantizer(dtype="int4", granularity="per_channel")], [SCALE], 0.3),
    "int4 blocks": (
        [quantizer(mode="linear", dtype="int4", granularity="per_block", block_size=16)],
        [SCALE],
        0.2,
    ),
    "palette of 2": ([palettizer(mode="uniform", nbits=1)], [LUT], 3),
    "palette of 4": ([palettizer(mode="uniform", nbits=2)], [LUT], 1),
    "palette of 8": ([palettizer(mode="uniform", nbits=3)], [LUT], 0.5),
    "palette of 16": ([palettizer(mode="uniform", nbits=4)], [LUT], 0.2),
    "palette of 256": ([palettizer(mode="uniform", nbits=8)], [LUT], 0.02),
    "palette of 64 in groups": ([palettizer(mode="uniform", nbits=6, **GROUPS)], [LUT], 0.1),
    "sparse": ([prune], [SPARSE], 0.6),
    "sparse palette": (
        [prune, palettizer(mode="uniform", nbits=4)],
        [SPARSE, "constexpr_lut_to_sparse"],
        0.8,
    ),
    "sparse int8": (
        [prune, quantizer(dtype="int8")],
        [SPARSE, "constexpr_sparse_blockwise_shift_scale"],
        0.7,
    ),
    "palette of int8": (
        [palettizer(mode="uniform", nbits=4), quantizer(dtype="int8", granularity="per_tensor")],
        [LUT, SCALE],
        0.2,
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_compressed_weights(ct, save, compressible, relative_error, name):
    steps, kinds, loss = METHODS[name]
    small, weight, x = compressible
    for i, step in enumerate(steps):
        small = step(ct.optimize.coreml, small, i > 0)
    loaded = load(save(small))
    assert set(kinds) <= {operation.type for operation in loaded.operations}
    got = loaded.predict({"x": x})["y"]
    plain = load(save(ct.optimize.coreml.decompress_weights(small))).predict({"x": x})["y"]
    assert relative_error(got, plain) <= 1e-6
    difference = relative_error(got, x @ weight.T)
    assert 1e-4 < difference < loss


def test_older_compressed_weights(ct, save, relative_error):
    from coremltools.converters.mil import mil

    mb, types = mil.Builder, mil.types

    data = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    scale, zero = np.array([0.5, 1, 2], np.float32), np.array([0, 1, -1], np.int8)
    palette = np.array([0.5, -1, 3, 7], np.float32)
    packed = np.array([0b11100100, 0b00011011], np.uint8)  # 0 1 2 3, 3 2 1 0
    mask = np.array([0b00100101], np.uint8)

    @mb.program(input_specs=[mb.TensorSpec(shape=(3, 4), dtype=types.fp32)], opset_version=ct.target.iOS16)
    def program(x):
        affine = mb.constexpr_affine_dequantize(quantized_data=data, zero_point=zero, scale=scale, axis=0)
        lut = mb.constexpr_lut_to_dense(indices=packed, lut=palette, shape=np.array([2, 4], np.uint32))
        sparse = mb.constexpr_sparse_to_dense(
            nonzero_data=np.array([1, 2, 3], np.float32), mask=mask, shape=np.array([2, 4], np.uint32)
        )
        return (
            mb.add(x=x, y=affine, name="affine"),
            mb.add(x=mb.slice_by_size(x=x, begin=[0, 0], size=[2, 4]), y=lut, name="lut"),
            mb.add(x=mb.slice_by_size(x=x, begin=[0, 0], size=[2, 4]), y=sparse, name="sparse"),
        )

    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    got = load(save(model)).predict({"x": np.zeros((3, 4), np.float32)})
    assert got["affine"].tolist() == [[-3, -2.5, -2, -1.5], [-3, -2, -1, 0], [6, 8, 10, 12]]
    assert got["lut"].tolist() == [[0.5, -1, 3, 7], [7, 3, -1, 0.5]]
    assert got["sparse"].tolist() == [[1, 0, 2, 0], [0, 3, 0, 0]]


def test_palettes_of_vectors(ct, save):
    """The examples of the definitions: vectors laid along an axis, dense and sparse."""
    from coremltools.converters.mil import mil

    mb, types = mil.Builder, mil.types
    bits = np.array([[0, 1], [1, 1]], types.np_uint1_dtype)
    lut = np.array([[1, 2, 3], [4, 5, 6]], np.float32).reshape(1, 1, 2, 3)
    mask = np.array([[1, 0], [1, 1]], types.np_uint1_dtype)
    values = np.array([1, 0, 1], types.np_uint1_dtype)

    @mb.program(input_specs=[mb.TensorSpec(shape=(1,), dtype=types.fp32)], opset_version=ct.target.iOS18)
    def program(x):
        down = mb.constexpr_lut_to_dense(indices=bits, lut=lut, vector_axis=0)
        right = mb.constexpr_lut_to_dense(indices=bits, lut=lut, vector_axis=-1)
        longer, kept = mb.constexpr_lut_to_sparse(
            indices_mask=mask, indices_nonzero_data=values, lut=lut, vector_axis=0
        )
        sparse = mb.constexpr_sparse_to_dense(nonzero_data=kept, mask=longer)
        return (
            mb.add(x=x, y=down, name="down"),
            mb.add(x=x, y=right, name="right"),
            mb.add(x=x, y=sparse, name="sparse"),
        )

    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS18,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    got = load(save(model)).predict({"x": np.zeros(1, np.float32)})
    assert got["down"].tolist() == [[1, 4], [2, 5], [3, 6], [4, 4], [5, 5], [6, 6]]
    assert got["right"].tolist() == [[1, 2, 3, 4, 5, 6], [4, 5, 6, 4, 5, 6]]
    assert got["sparse"].tolist() == [[4, 0], [5, 0], [6, 0], [1, 4], [2, 5], [3, 6]]
