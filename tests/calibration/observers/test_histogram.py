import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ldikit.calibration.observers.histogram import BINS, Histogram
from ldikit.reference.errors import InputError

VALUES = st.lists(st.floats(-1e3, 1e3, width=32, allow_subnormal=False), min_size=1, max_size=40)


def histogram(*parts):
    made = Histogram()
    for part in parts:
        made.add(torch.tensor(part, dtype=torch.float32))
    return made


def test_bins_worked_out_by_hand():
    # 0 to 4096 in bins of 1 would be 4097 of them: the width is 2.
    made = histogram([0.0, 0.0, 1.9, 2.0, 3.0, 4096.0])
    assert made.width == 2.0
    assert made.counts.size == 2049
    assert made.counts[0] == 3 and made.counts[1] == 2 and made.counts[2048] == 1
    assert made.counts.sum() == made.total == 6
    assert made.zeros == 2 and made.nonzero_counts[0] == 1
    assert made.edges[:3].tolist() == [0.0, 2.0, 4.0] and made.edges[-2:].tolist() == [4096.0, 4096.0]


def test_growing_merges_whole_bins_on_either_side_of_zero():
    made = histogram([-0.75, -0.25, 0.25], [-4000.0, 90.0])
    # Bins of 1 from −4000 to 90; both negative fractions lie in the bin below 0.
    assert made.width == 1.0 and made.counts.size == 4091
    assert made.counts[0] == 1 and made.counts[3999] == 2 and made.counts[4000] == 1 and made.counts[-1] == 1
    assert made.samples == 2


def test_a_constant_fills_one_bin_and_can_still_grow():
    for value in (0.0, 100.0, -0.3):
        made = histogram([value] * 5)
        assert made.counts.tolist() == [5]
        assert made.range.low == made.range.high == np.float32(value)
        made.add(torch.tensor([value + 1.0]))
        assert made.counts.sum() == 6 and made.counts[0] == 5 and made.counts[-1] == 1
    zero_then_tiny = histogram([0.0], [1e-20, 3e38])
    assert zero_then_tiny.counts.sum() == 3 and zero_then_tiny.counts.size <= BINS


@given(VALUES, VALUES)
def test_two_portions_in_either_order_count_as_one(first, second):
    once, twice, turned = histogram(first + second), histogram(first, second), histogram(second, first)
    for other in (twice, turned):
        assert other.range == once.range and other.zeros == once.zeros and other.total == once.total
        np.testing.assert_array_equal(other.counts, once.counts)
        np.testing.assert_array_equal(other.edges, once.edges)


@given(VALUES)
def test_every_value_is_counted_in_its_bin(values):
    made = histogram(values)
    assert made.counts.size <= BINS
    if max(values) - min(values) > 1e-3 * max(abs(value) for value in values):
        assert made.counts.size >= BINS // 2
    first = math.floor(min(values) / made.width)
    expected = np.zeros(made.counts.size, int)
    for value in values:
        expected[math.floor(value / made.width) - first] += 1
    np.testing.assert_array_equal(made.counts, expected)
    assert (np.diff(made.edges)[:-1] > 0).all()


def test_many_equal_values_are_all_counted():
    # Beyond 2^24 a float32 count would stand still.
    made = Histogram()
    made.add(torch.ones(1).expand(2**24))
    made.add(torch.ones(3))
    assert made.counts.tolist() == [2**24 + 3]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_and_not_counted(bad):
    made = histogram([1.0])
    with pytest.raises(InputError, match="not finite"):
        made.add(torch.tensor([0.0, bad]))
    assert made.total == made.samples == 1
