"""What a program is made of: kinds of operations, and weights in the bytes that they take in the file."""

import numpy as np
import pytest
from ldikit.runtime.mil import load
from ldikit.runtime.mil.listing import kinds, weights


@pytest.fixture(scope="module")
def saved(ct, save):
    """saved(target, program body of one input (8, 16)) → loaded model."""
    from coremltools.converters.mil import mil

    mb = mil.Builder

    def run(target, body):
        opset = getattr(ct.target, target)
        specs = [mb.TensorSpec(shape=(8, 16))]
        program = mb.program(input_specs=specs, opset_version=opset)(body)
        model = ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=opset,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
        return load(save(model))

    return run


def stored(model):
    return [(weight.stored, weight.shape, weight.bytes) for weight in weights(model)]


def test_kinds_are_counted_with_their_types(build):
    from coremltools.converters.mil import mil

    mb = mil.Builder

    def program(x):
        less = mb.less(x=x, y=np.float32(1))
        return {"out": mb.add(x=mb.add(x=x, y=np.float32(2)), y=mb.cast(x=less, dtype="fp32"))}

    found = {kind.type: kind for kind in kinds(build(program, (2, 3)))}
    assert (found["add"].count, found["add"].outputs) == (2, {"fp32": 2})
    assert (found["less"].count, found["less"].outputs) == (1, {"bool": 1})
    assert all(kind.supported for kind in found.values())


def test_plain_weights_and_what_is_too_small_to_be_one(saved):
    from coremltools.converters.mil import mil

    mb = mil.Builder

    def program(x):
        y = mb.linear(x=x, weight=np.ones((4, 16), np.float32), bias=np.ones(4, np.float32))
        return mb.add(x=y, y=np.ones((8, 4), np.float32), name="out")

    assert sorted(stored(saved("iOS17", program))) == [("fp32", (4, 16), 256), ("fp32", (8, 4), 128)]


def test_compressed_weights_of_ios16(saved):
    from coremltools.converters.mil import mil

    mb = mil.Builder

    def program(x):
        affine = mb.constexpr_affine_dequantize(
            quantized_data=np.zeros((8, 16), np.int8),
            zero_point=np.zeros(8, np.int8),
            scale=np.ones(8, np.float32),
            axis=0,
        )
        palette = mb.constexpr_lut_to_dense(
            indices=np.zeros(64, np.uint8), lut=np.ones(16, np.float32), shape=np.array([8, 16], np.uint32)
        )
        sparse = mb.constexpr_sparse_to_dense(
            nonzero_data=np.ones(3, np.float32),
            mask=np.array([7, *[0] * 15], np.uint8),
            shape=np.array([8, 16], np.uint32),
        )
        return mb.add(x=mb.add(x=mb.add(x=x, y=affine), y=palette), y=sparse, name="out")

    assert stored(saved("iOS16", program)) == [
        ("int8", (8, 16), 8 * 16 + 8 + 8 * 4),
        ("4-bit palette of fp32", (8, 16), 8 * 16 // 2 + 16 * 4),
        ("sparse fp32", (8, 16), 3 * 4 + 8 * 16 // 8),
    ]


def test_compressed_weights_of_ios18_in_two_steps(saved):
    from coremltools.converters.mil import mil

    mb, types = mil.Builder, mil.types

    def program(x):
        blocks = mb.constexpr_blockwise_shift_scale(
            data=np.zeros((8, 16), types.np_uint4_dtype), scale=np.ones((8, 2), np.float32)
        )
        table = mb.constexpr_blockwise_shift_scale(
            data=np.zeros((1, 1, 4, 1), np.int8), scale=np.ones((1, 1, 1, 1), np.float32)
        )
        palette = mb.constexpr_lut_to_dense(indices=np.zeros((8, 16), types.np_uint2_dtype), lut=table)
        return mb.add(x=mb.add(x=x, y=blocks), y=palette, name="out")

    assert stored(saved("iOS18", program)) == [
        ("uint4", (8, 16), 8 * 16 // 2 + 16 * 4),
        ("2-bit palette of int8", (8, 16), 8 * 16 // 4 + 4 + 4),
    ]
