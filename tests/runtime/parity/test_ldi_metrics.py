import math

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.parity.ldi_metrics import EMPTY_WEIGHT, compare_ldi, gap_weight, plain_iou, weighted_iou


def tiny(disparity, occupancy, color=0.5):
    """An LDI of (L, H, W) planes; colour is level unless given."""
    disparity = np.array(disparity, np.float32)[:, None]
    occupancy = np.array(occupancy, np.float32)[:, None]
    layers, _, height, width = disparity.shape
    return LDI(np.full((layers, 3, height, width), color, np.float32), disparity, occupancy)


# Two layers of 1×4. Gaps 0.4 0.4 0.2 0.1, occupancy 1 0.5 1 0 → w = 0.4 0.2 0.2 0.
REFERENCE = ([[[0.8, 0.8, 0.6, 0.5]], [[0.4, 0.4, 0.4, 0.4]]], [[[1, 1, 1, 1]], [[1, 0.5, 1, 0]]])
# Gaps 0.4 0.3 0.2 0.1, occupancy 1 1 0.4 1 → w′ = 0.4 0.3 0.08 0.1.
CANDIDATE = ([[[0.8, 0.8, 0.6, 0.5]], [[0.4, 0.5, 0.4, 0.4]]], [[[1, 1, 1, 0.9]], [[1, 1, 0.4, 1]]])


def test_gap_weight_is_occupancy_times_gap():
    np.testing.assert_allclose(gap_weight(tiny(*REFERENCE), 1), [[0.4, 0.2, 0.2, 0]], atol=1e-7)
    behind = tiny([[[0.2]], [[0.5]]], [[[1]], [[1]]])  # in front of layer 0: no negative weight
    assert gap_weight(behind, 1) == 0


def test_golden():
    scores = compare_ldi(tiny(*REFERENCE), tiny(*CANDIDATE))
    # min 0.4 0.2 0.08 0 = 0.68; max 0.4 0.3 0.2 0.1 = 1.0
    assert scores["gap_iou_layer1"] == pytest.approx(0.68, abs=1e-6)
    # occupied at 0.5: 1 1 1 0 against 1 1 0 1
    assert scores["iou_layer1"] == pytest.approx(2 / 4)
    # both occupied in pixels 0 and 1, errors 0 and 0.1; p95 at rank 0.95
    assert scores["disparity_l1_layer1"] == pytest.approx(0.05, abs=1e-6)
    assert scores["disparity_p95_layer1"] == pytest.approx(0.095, abs=1e-6)
    assert scores["occupancy_l1_layer1"] == pytest.approx((0.5 + 0.6 + 1) / 4, abs=1e-6)
    assert scores["disparity_l1_layer0"] == 0
    assert scores["occupancy_l1_layer0"] == pytest.approx(0.025, abs=1e-6)
    assert (scores["gap_iou"], scores["iou"]) == (scores["gap_iou_layer1"], 0.5)
    assert (scores["order_violations"], scores["nonfinite"]) == (0, 0)
    assert scores["identity_psnr"] == 200  # level grey everywhere, and hidden layers fill what layer 0 lacks


def test_an_ldi_equals_itself():
    scores = compare_ldi(tiny(*REFERENCE), tiny(*REFERENCE))
    assert all(scores[n] == 1 for n in ("gap_iou", "iou", "gap_iou_layer1", "iou_layer1"))
    assert all(value == 0 for name, value in scores.items() if "_l1_" in name or "_p95_" in name)


def test_coinciding_layers_do_not_count():
    # Full against no occupancy, but no gap: no picture differs. Where there is a gap, both agree.
    flat = [[[0.5, 0.9]], [[0.5, 0.5]]]
    scores = compare_ldi(tiny(flat, [[[1, 1]], [[1, 1]]]), tiny(flat, [[[1, 1]], [[0, 1]]]))
    assert scores["gap_iou"] == 1
    assert scores["iou"] == 0.5


def test_weighted_iou_of_empty_and_nearly_empty_layers():
    nothing = np.zeros((10, 10))
    assert weighted_iou(nothing, nothing) == 1
    crumbs = np.zeros((10, 10))
    crumbs[0, 0] = EMPTY_WEIGHT  # mean is a hundredth of the floor: crumbs against none cost a hundredth
    assert weighted_iou(nothing, crumbs) == pytest.approx(0.99)
    little = np.full((10, 10), EMPTY_WEIGHT)
    assert weighted_iou(nothing, little) == pytest.approx(0)  # at the floor it counts fully
    assert weighted_iou(little, nothing) == pytest.approx(0)
    # no jump where the two rules meet
    below, above = (weighted_iou(little * f, little * f * 0.7) for f in (1 - 1e-9, 1 + 1e-9))
    assert below == pytest.approx(0.7, abs=1e-6)
    assert above == pytest.approx(0.7, abs=1e-6)


def test_plain_iou_of_empty_masks_is_one():
    empty, one = np.zeros(3, bool), np.array([True, False, False])
    assert (plain_iou(empty, empty), plain_iou(empty, one), plain_iou(one, one)) == (1, 0, 1)


def test_the_worst_hidden_layer_counts():
    disparity = [[[0.9, 0.9]], [[0.5, 0.5]], [[0.1, 0.1]]]
    reference = tiny(disparity, [[[1, 1]], [[1, 1]], [[1, 1]]])
    candidate = tiny(disparity, [[[1, 1]], [[1, 1]], [[1, 0]]])
    scores = compare_ldi(reference, candidate)
    assert (scores["gap_iou_layer1"], scores["gap_iou_layer2"], scores["gap_iou"]) == pytest.approx(
        (1, 0.5, 0.5)
    )


def test_order_violations_of_the_candidate_are_counted():
    wrong = tiny([[[0.5, 0.5, 0.5]], [[0.6, 0.5, 0.5]]], [[[1, 1, 1]], [[0, 1, 0]]])
    right = tiny([[[0.5, 0.5, 0.5]], [[0.4, 0.4, 0.4]]], [[[1, 1, 1]], [[0, 1, 0]]])
    # pixel 0 is in front, pixel 1 is level and occupied, pixel 2 is level and empty
    assert compare_ldi(right, wrong)["order_violations"] == 2
    assert compare_ldi(wrong, right)["order_violations"] == 0


def test_identity_psnr_compares_the_photos():
    a, b = (tiny(*REFERENCE, color=c) for c in (0.5, 0.6))
    assert compare_ldi(a, b)["identity_psnr"] == pytest.approx(20, abs=1e-4)


def test_nowhere_both_occupied_is_not_measured():
    disparity = [[[0.9, 0.9]], [[0.5, 0.5]]]
    scores = compare_ldi(tiny(disparity, [[[1, 1]], [[1, 0]]]), tiny(disparity, [[[1, 1]], [[0, 1]]]))
    assert scores["disparity_l1_layer1"] is None
    assert scores["gap_iou"] == 0


@pytest.mark.parametrize("plane", ["color", "disparity", "occupancy"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_value_that_is_not_finite_spoils_all_scores(plane, which):
    pair = [tiny(*REFERENCE), tiny(*REFERENCE)]
    getattr(pair[which], plane)[0, 0, 0, 0] = np.nan
    scores = compare_ldi(*pair)
    assert scores.pop("nonfinite") == 1
    assert all(math.isnan(value) for value in scores.values())


def test_another_size_or_number_of_layers_is_an_error():
    one = tiny([[[0.5, 0.5]]], [[[1, 1]]])
    with pytest.raises(InputError, match="same layers and size"):
        compare_ldi(tiny(*REFERENCE), one)
    with pytest.raises(InputError, match="same layers and size"):
        compare_ldi(one, tiny([[[0.5], [0.5]]], [[[1], [1]]]))
    assert compare_ldi(one, one)["gap_iou"] is None  # no hidden layer, nothing to say of them
