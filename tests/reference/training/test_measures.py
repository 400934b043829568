"""Measures: values worked out by hand."""

import numpy as np
import pytest
from ldikit.reference.training.measures import aligned_error, ordinal_error


def ramp():
    return np.tile(np.linspace(0, 1, 64, dtype=np.float32), (8, 1))


def test_ordinal_error_of_the_truth_its_reverse_and_nothing():
    assert ordinal_error(2 * ramp() + 1, ramp()) == 0.0
    assert ordinal_error(-ramp(), ramp()) == 1.0
    assert ordinal_error(np.zeros((8, 64), np.float32), ramp()) == 0.5
    assert ordinal_error(ramp(), np.zeros((8, 64), np.float32)) == 0.5


def test_aligned_error_fits_scale_and_shift_but_never_turns_over():
    assert aligned_error(5 * ramp() - 2, ramp()) == pytest.approx(0.0, abs=1e-6)
    # The best of a reversed prediction is the mean: the deviation of a uniform ramp, over its 2-98 % range.
    flat = aligned_error(np.zeros((8, 64), np.float32), ramp())
    assert aligned_error(-ramp(), ramp()) == pytest.approx(flat)
    assert flat == pytest.approx(float(ramp().std() / np.ptp(np.percentile(ramp(), [2, 98]))))
