"""Soft visibility against its definition and by hand, and its gain."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.reference.layering.visibility import soft_visibility, steepness

KINDS = ("noise", "cards", "thin", "steps")
START, END = 2 * 0.02, 6 * 0.02


def visible(field, start=START, end=END):
    return soft_visibility(torch.from_numpy(field)[None, None], start, end)[0, 0].numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_equals_its_definition(kind, field_of, by_definition):
    for seed, size in enumerate([(24, 32), (1, 9), (9, 1), (2, 2)]):
        field = field_of(kind, seed, *size)
        assert np.abs(visible(field) - by_definition.visibility(field, START, END)).max() < 1e-5


def test_a_clean_step_stays_and_a_blurred_one_fades():
    step = np.repeat(np.float32([[0.2, 0.2, 0.2, 0.8, 0.8, 0.8]]), 4, 0)
    assert (visible(step) == 1).all()
    # 0.2 a pixel over two pixels: only the pixel between two steep sides fades; 0.2 > END, so to nothing.
    blurred = np.repeat(np.float32([[0.2, 0.2, 0.4, 0.6, 0.6]]), 4, 0)
    assert visible(blurred)[0] == pytest.approx([1, 1, 0, 1, 1], abs=1e-5)
    assert visible(blurred.T.copy())[:, 0] == pytest.approx([1, 1, 0, 1, 1], abs=1e-5)


def test_half_way_between_start_and_end_is_half_visible():
    slope = np.float32([[0.0, 0.08, 0.16, 0.24, 0.24]])
    assert visible(slope)[0] == pytest.approx([1, 0.5, 0.5, 1, 1], abs=1e-5)


def test_the_steeper_of_row_and_column_counts():
    rows, columns = np.mgrid[:5, :5]
    field = (0.01 * rows + 0.1 * columns).astype(np.float32)
    found = steepness(torch.from_numpy(field)[None, None])[0, 0]
    assert found[2, 2].item() == pytest.approx(0.1, abs=1e-6)
    # At the frame's left and right the outer side is level; the column's slope is left.
    assert found[2, 0].item() == pytest.approx(0.01, abs=1e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(KINDS), change=st.sampled_from([1e-4, 1e-2, 0.1]))
def test_gain_is_at_most_two_over_the_ramp(field_of, seed, kind, change):
    field = field_of(kind, seed, 24, 32)
    noise = np.random.default_rng(seed + 1).uniform(-change, change, field.shape)
    moved = np.clip(field + noise, 0, 1).astype(np.float32)
    limit = 2 / (END - START) * np.abs(moved - field).max()
    assert np.abs(visible(moved) - visible(field)).max() <= limit + 1e-5


def test_the_gain_is_reached():
    # A slope in the middle of the ramp, with every second pixel moved up and the others down.
    field = np.tile(np.float32(0.08) * np.arange(8, dtype=np.float32), (4, 1)) + np.float32(0.1)
    change = np.float32(0.001)
    moved = field.copy()
    moved[:, 3] += change
    moved[:, [2, 4]] -= change
    # Its left side grew by 0.002, its right side shrank to 0.078: the smaller one counts, by 2 × 0.001.
    moved_right = np.abs(visible(moved) - visible(field))[1, 3]
    assert moved_right == pytest.approx(2 * change / (END - START), rel=1e-2)
