import math

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.parity.scores import MOST_DB, decibels, psnr
from ldikit.runtime.parity.tensors import compare_tensors


def test_golden():
    # Error (0, 0.1, −0.2, 0): Σr² = 4, Σe² = 0.05, mean e² = 0.0125, Σrc = 4 + 0.1 − 0.2 = 3.9,
    # ‖c‖² = 1 + 1.21 + 0.64 + 1 = 3.85. Sorted |e| 0, 0, 0.1, 0.2: p99 at rank 2.97.
    scores = compare_tensors(np.ones(4), np.array([1, 1.1, 0.8, 1]), data_range=2)
    assert scores["sqnr_db"] == pytest.approx(10 * math.log10(80))
    assert scores["psnr_db"] == pytest.approx(10 * math.log10(4 / 0.0125))
    assert scores["cosine"] == pytest.approx(3.9 / (2 * math.sqrt(3.85)))
    assert scores["max_abs"] == pytest.approx(0.2)
    assert scores["p99_abs"] == pytest.approx(0.197)
    assert scores["mean_abs"] == pytest.approx(0.075)
    assert (scores["nonfinite"], scores["data_range"]) == (0, 2)


def test_the_range_is_stated_not_inferred():
    r, c = np.array([0.0, 0.5]), np.array([0.0, 0.6])
    wide, narrow = (compare_tensors(r, c, data_range=d)["psnr_db"] for d in (10.0, 1.0))
    assert wide - narrow == pytest.approx(20)
    for bad in (0, -1, math.nan, math.inf):
        with pytest.raises(InputError, match="data range"):
            compare_tensors(r, c, data_range=bad)


def test_equal_and_zero_tensors():
    same = compare_tensors(np.arange(5.0), np.arange(5.0), 1)
    assert (same["sqnr_db"], same["psnr_db"], same["max_abs"]) == (MOST_DB, MOST_DB, 0)
    assert same["cosine"] == pytest.approx(1)
    zeros = compare_tensors(np.zeros(3), np.zeros(3), 1)
    assert (zeros["sqnr_db"], zeros["cosine"]) == (MOST_DB, 1)
    lost = compare_tensors(np.zeros(3), np.ones(3), 1)
    assert (lost["sqnr_db"], lost["cosine"], lost["psnr_db"]) == (-MOST_DB, 0, 0)
    assert compare_tensors(np.ones(3), -np.ones(3), 1)["cosine"] == pytest.approx(-1)


def test_one_value_that_is_not_finite_spoils_all_scores():
    for where in range(2):
        pair = [np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)]
        pair[where][1, 2] = np.inf
        scores = compare_tensors(*pair, data_range=1)
        assert scores["nonfinite"] == 1
        assert all(math.isnan(scores[n]) for n in ("sqnr_db", "psnr_db", "cosine", "max_abs", "mean_abs"))


def test_another_layout_is_an_error_even_if_it_would_fit():
    nchw = np.random.default_rng(0).random((1, 3, 4, 4))
    with pytest.raises(InputError, match=r"color: .* is \(1, 3, 4, 4\), the candidate \(1, 4, 4, 3\)"):
        compare_tensors(nchw, nchw.transpose(0, 2, 3, 1), 1, name="color")
    with pytest.raises(InputError, match="no values"):
        compare_tensors(np.zeros((0, 3)), np.zeros((0, 3)), 1)


def test_half_precision_is_compared_in_double():
    r = np.full(10000, 60000, np.float16)
    scores = compare_tensors(r, r + np.float16(32), 65504)
    assert scores["mean_abs"] == 32
    assert scores["sqnr_db"] == pytest.approx(20 * math.log10(60000 / 32), abs=0.01)


def test_shared_scores():
    assert decibels(1, 0.01) == pytest.approx(20)
    assert decibels(1, 1e-300) == MOST_DB
    assert math.isnan(decibels(math.nan, 0))
    assert psnr(np.zeros(4), np.full(4, 0.1), 1) == pytest.approx(20)
    assert psnr(np.zeros(4, np.uint8), np.full(4, 255, np.uint8), 255) == pytest.approx(0)
