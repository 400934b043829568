import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.affine import (
    SMALLEST_SCALE,
    SMALLEST_WEIGHT_SCALE,
    affine_parameters,
    symmetric_scales,
)

FINITE = st.floats(-1e4, 1e4, width=32)


def test_scales_worked_out_by_hand():
    assert affine_parameters(0, 255) == (1.0, -128)
    assert affine_parameters(-255, 0) == (1.0, 127)
    assert affine_parameters(-64, 191) == (1.0, -64)
    # -0.25/0.5 is half-way between two codes: rounded to the even one.
    assert affine_parameters(-0.25, 127.25) == (0.5, -128)
    # Widened to contain 0.
    assert affine_parameters(51, 510) == affine_parameters(0, 510) == (2.0, -128)
    assert affine_parameters(-510, -51) == (2.0, 127)


def test_a_constant_is_exact_and_nothing_but_zeros_has_the_smallest_scale():
    scale, zero_point = affine_parameters(0.7, 0.7)
    assert (127 - zero_point) * scale == pytest.approx(0.7, rel=1e-7)
    scale, zero_point = affine_parameters(-3.3, -3.3)
    assert (-128 - zero_point) * scale == pytest.approx(-3.3, rel=1e-7)
    assert affine_parameters(0, 0) == (SMALLEST_SCALE, -128)
    assert affine_parameters(0, 1e-9) == (SMALLEST_SCALE, -128)
    half = np.float16(SMALLEST_SCALE)
    assert half == SMALLEST_SCALE and np.isfinite(np.float16(1) / half)


@given(FINITE, FINITE)
def test_zero_is_a_code_and_the_range_is_covered_to_half_a_step(a, b):
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    scale, zero_point = affine_parameters(min(a, b), max(a, b))
    assert -128 <= zero_point <= 127
    assert scale == float(np.float32(scale)) >= SMALLEST_SCALE
    assert (-128 - zero_point) * scale == pytest.approx(low, abs=scale * 0.501)
    if high - low > 255 * SMALLEST_SCALE:
        assert 255 * scale <= high - low
        assert (127 - zero_point) * scale == pytest.approx(high, abs=scale * 0.501)


@given(st.floats(2**-5, 6, width=32))
def test_after_relu6_nothing_above_the_range_is_represented(high):
    scale, zero_point = affine_parameters(0.0, high)
    assert zero_point == -128
    assert 255 * scale <= high
    assert np.float32(255) * np.float32(scale) <= np.float32(high)
    assert 255 * scale >= high * (1 - 2**-22)


@given(FINITE, FINITE)
def test_it_agrees_with_torchao(a, b):
    from torchao.quantization.pt2e.observer import MinMaxObserver

    theirs = MinMaxObserver(dtype=torch.int8, qscheme=torch.per_tensor_affine, eps=SMALLEST_SCALE)
    theirs(torch.tensor([a, b], dtype=torch.float32))
    scale, zero_point = affine_parameters(min(a, b), max(a, b))
    their_scale, their_zero_point = (float(value) for value in theirs.calculate_qparams())
    assert scale == pytest.approx(their_scale, rel=2**-22)
    # Where low/scale lies half-way between two codes the last bit of the scale decides.
    assert abs(zero_point - their_zero_point) <= 1


@pytest.mark.parametrize("ends", [(math.nan, 1), (0, math.inf), (2, 1)])
def test_what_is_no_range_is_refused(ends):
    with pytest.raises(InputError, match="low ≤ high"):
        affine_parameters(*ends)


def test_weights_have_a_scale_per_channel():
    weight = torch.zeros(3, 2, 1, 2)
    weight[0, 1, 0, 1] = -1.27
    weight[1, 0, 0, 0] = 254.0
    torch.testing.assert_close(symmetric_scales(weight), torch.tensor([0.01, 2.0, SMALLEST_WEIGHT_SCALE]))
    torch.testing.assert_close(symmetric_scales(weight.transpose(0, 2), axis=2), symmetric_scales(weight))
    assert symmetric_scales(torch.tensor([3.0, -254.0])).tolist() == pytest.approx([3 / 127, 2.0])
    with pytest.raises(InputError, match="not finite"):
        symmetric_scales(torch.tensor([[1.0, math.nan]]))


def test_weight_scales_agree_with_torchao():
    from torchao.quantization.pt2e.observer import PerChannelMinMaxObserver

    weight = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    theirs = PerChannelMinMaxObserver(
        dtype=torch.int8, qscheme=torch.per_channel_symmetric, quant_min=-127, quant_max=127
    )
    theirs(weight)
    torch.testing.assert_close(symmetric_scales(weight), theirs.calculate_qparams()[0], rtol=1e-6, atol=0)
