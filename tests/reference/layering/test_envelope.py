"""The envelopes against their definition, a minimum over all pixels, and their gain."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.reference.layering.envelope import lower_envelope, reach_steps, upper_envelope

# A path adds up to 2·log₂(1/s) rounded float32 terms below 2.
TOLERANCE = 4e-6
# Four times the difference of two such paths, the second of values up to 5.
SOURCE_TOLERANCE = 5e-5

KINDS = ("noise", "cards", "thin", "steps")


def envelopes(field, slope):
    tensor = torch.from_numpy(np.ascontiguousarray(field))[None, None]
    planes = (*lower_envelope(tensor, slope), upper_envelope(tensor, slope))
    return tuple(plane[0, 0].numpy() for plane in planes)


def check(field, slope, by_definition):
    envelope, source, above = envelopes(field, slope)
    assert np.abs(envelope - by_definition.lower(field, slope)).max() <= TOLERANCE
    assert np.abs(above - by_definition.upper(field, slope)).max() <= TOLERANCE
    assert np.abs(source - by_definition.source(field, slope)).max() <= SOURCE_TOLERANCE
    assert (source >= by_definition.farthest_winner(field, slope, TOLERANCE) - SOURCE_TOLERANCE).all()
    assert (source <= envelope).all()
    assert (envelope <= field).all()
    assert (above >= field).all()


# The phone's slopes are 0.02 and 0.026; 0.3 reaches 4 pixels, 0.004 across any of these frames.
@pytest.mark.parametrize("slope", [0.5 / (0.05 * 512), 0.5 / (0.05 * 384), 0.3, 0.004])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_minimum_over_all_pixels(kind, slope, field_of, by_definition):
    for seed, size in enumerate([(24, 32), (31, 17), (1, 40), (40, 1), (2, 2)]):
        check(field_of(kind, seed, *size), slope, by_definition)


@pytest.mark.parametrize("pair", ["middlebury2005_books", "middlebury2014_motorcycle", "sceneflow_synthetic"])
def test_equals_the_minimum_over_all_pixels_with_true_disparity(pair, stereo_disparity, by_definition):
    whole = stereo_disparity(pair)
    low, high = np.nanmin(whole), np.nanmax(whole)
    # The 40×48 pixels with the largest range of disparity, of a coarse grid of crops.
    crops = [
        whole[y : y + 40, x : x + 48]
        for y in range(0, whole.shape[0] - 40, 40)
        for x in range(0, whole.shape[1] - 48, 48)
    ]
    crops = [crop for crop in crops if np.isfinite(crop).mean() > 0.9]
    crop = max(crops, key=lambda c: np.nanmax(c) - np.nanmin(c))
    field = ((np.where(np.isfinite(crop), crop, low) - low) / (high - low)).astype(np.float32)
    assert np.ptp(field) > 0.3
    check(field, 0.5 / (0.05 * 512), by_definition)


@pytest.mark.parametrize("seed", [3, 4])
def test_equals_the_minimum_over_all_pixels_of_a_scene(seed, by_definition):
    from ldikit.calibration.scenes.scene import make_scene

    field = make_scene(seed, 32, 48, effects=False).disparity[0, 0]
    assert np.ptp(field) > 0.3
    check(field, 0.5 / (0.05 * 48), by_definition)


def test_box_before_a_wall_by_hand():
    # Row: wall 0.2, box 0.9 of five pixels. s = 0.25: one pixel in 0.45, two 0.7, three 0.95 > 0.9.
    field = np.full((1, 9), 0.2, np.float32)
    field[0, 2:7] = 0.9
    envelope, source, above = envelopes(field, 0.25)
    assert envelope[0] == pytest.approx([0.2, 0.2, 0.45, 0.7, 0.9, 0.7, 0.45, 0.2, 0.2])
    assert source[0] == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.9, 0.2, 0.2, 0.2, 0.2], abs=1e-6)
    # From above: 0.9 − 0.25 and 0.9 − 0.5 over the wall beside the box.
    assert above[0] == pytest.approx([0.4, 0.65, 0.9, 0.9, 0.9, 0.9, 0.9, 0.65, 0.4])


def test_a_slope_below_s_is_left_alone():
    field = torch.linspace(0, 1, 41).view(1, 1, 1, 41).expand(1, 1, 20, 41)
    envelope, source = lower_envelope(field, 0.026)
    assert torch.equal(envelope, field)
    assert torch.equal(source, field)
    assert torch.equal(upper_envelope(field, 0.026), field)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    change=st.sampled_from([1e-4, 1e-2, 0.3]),
    slope=st.floats(0.01, 0.4),
    spiky=st.booleans(),
)
def test_gain_is_at_most_one(field_of, seed, kind, change, slope, spiky):
    field = field_of(kind, seed, 24, 32)
    rng = np.random.default_rng(seed + 1)
    signs = np.sign(rng.standard_normal(field.shape)) if spiky else rng.uniform(-1, 1, field.shape)
    moved = np.clip(field + change * signs, 0, 1).astype(np.float32)
    allowed = np.abs(moved - field).max() + TOLERANCE
    for before, after in zip(envelopes(field, slope)[::2], envelopes(moved, slope)[::2], strict=True):
        assert np.abs(after - before).max() <= allowed


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    change=st.sampled_from([1e-4, 1e-3]),
    slope=st.floats(0.01, 0.4),
)
def test_the_source_never_jumps(field_of, seed, kind, change, slope):
    # The bound of the docstring, 1 + (2 + 2·4)/0.25; D of the one or the other winner would jump by up to 1.
    field = field_of(kind, seed, 24, 32)
    signs = np.sign(np.random.default_rng(seed + 1).standard_normal(field.shape))
    moved = np.clip(field + change * signs, 0, 1).astype(np.float32)
    before, after = envelopes(field, slope)[1], envelopes(moved, slope)[1]
    assert np.abs(after - before).max() <= 41 * np.abs(moved - field).max() + SOURCE_TOLERANCE


def test_passes_from_one_far_side_to_another_by_hand():
    # Row: 0.1, six pixels of 0.9, then 0.4. s = 0.1. Over the third pixel both far sides cost 0.4 and 0.9:
    # the left wins as far as 0.1 + 0.1·x < 0.4 + 0.1·(7 − x), that is x < 5, and at x = 5 both give 0.6. The
    # cone of 0.125 prefers the right one from 0.1 + 0.125·x > 0.4 + 0.125·(7 − x), x > 4.7.
    field = np.array([[0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.4]], np.float32)
    envelope, source, _ = envelopes(field, 0.1)
    assert envelope[0] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.5, 0.4], abs=1e-6)
    # At x = 5 the steeper cone gives 0.4 + 0.25, so the source is the right one's.
    assert source[0] == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4, 0.4], abs=1e-5)


def test_gain_one_is_reached():
    # The bound is tight, so the test above cannot pass by being far from it.
    field = np.full((16, 16), 0.5, np.float32)
    before, after = envelopes(field, 0.02), envelopes(field + np.float32(0.25), 0.02)
    assert np.abs(after[0] - before[0]).max() == pytest.approx(0.25)


def test_a_batch_is_so_many_single_fields(field_of):
    fields = np.stack([field_of("cards", seed, 20, 28) for seed in range(3)])[:, None]
    together = lower_envelope(torch.from_numpy(fields), 0.03)
    for index in range(3):
        alone = lower_envelope(torch.from_numpy(fields[index : index + 1]), 0.03)
        for a, b in zip(together, alone, strict=True):
            assert torch.equal(a[index : index + 1], b)


@pytest.mark.parametrize(
    ("slope", "longest", "steps"), [(0.3, 100, [1, 2, 4]), (0.3, 3, [1, 2]), (0.5, 9, [1, 2])]
)
def test_moves_reach_as_far_as_a_gap_of_one_or_the_frame(slope, longest, steps):
    # 1/0.3 = 3.3 pixels: 1 + 2 are too few, 1 + 2 + 4 enough.
    assert reach_steps(slope, longest) == steps
