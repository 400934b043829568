"""The push-pull fill against a pixel-by-pixel implementation, and what a fill must keep."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.reference.inpaint.push_pull import push_pull


def halve(plane):
    """Average 2×2 blocks of (C, H, W), the last row or column repeated where there is an odd number."""
    channels, height, width = plane.shape
    out = np.empty((channels, (height + 1) // 2, (width + 1) // 2))
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            rows = [2 * y, min(2 * y + 1, height - 1)]
            columns = [2 * x, min(2 * x + 1, width - 1)]
            out[:, y, x] = sum(plane[:, r, c] for r in rows for c in columns) / 4
    return out


def double(plane, height, width):
    """Interpolate (C, h, w) to (C, height, width) at pixel centres; the border pixels go on outside."""
    channels, h, w = plane.shape
    out = np.empty((channels, height, width))
    for y in range(height):
        for x in range(width):
            v, u = max((y + 0.5) / 2 - 0.5, 0), max((x + 0.5) / 2 - 0.5, 0)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, h - 1), min(left + 1, w - 1)
            a, b = v - top, u - left
            upper = (1 - b) * plane[:, top, left] + b * plane[:, top, right]
            lower = (1 - b) * plane[:, bottom, left] + b * plane[:, bottom, right]
            out[:, y, x] = (1 - a) * upper + a * lower
    return out


def fill(color, weight, levels):
    """Gortler et al. 1996, 3.4, with a level's weight saturated at a quarter."""
    planes = [np.concatenate([color * weight, weight])]
    for _ in range(levels):
        pooled = halve(planes[-1])
        planes.append(pooled / np.maximum(pooled[-1:], 0.25))
    filled = planes.pop()
    while planes:
        finer = planes.pop()
        filled = finer + (1 - finer[-1:]) * double(filled, *finer.shape[1:])
    return filled[:-1] / np.maximum(filled[-1:], 1e-3)


def run(color, weight, levels):
    planes = np.concatenate([color * weight, weight]).astype(np.float32)
    return push_pull(torch.from_numpy(planes)[None], levels)[0].numpy()


def known_pixels(seed, height, width, share, soft):
    rng = np.random.default_rng(seed)
    weight = (rng.random((1, height, width)) < share).astype(np.float32)
    return weight * rng.random(weight.shape).astype(np.float32) if soft else weight


@pytest.mark.parametrize(("height", "width", "levels"), [(16, 24, 4), (13, 9, 3), (8, 8, 0), (6, 32, 2)])
@pytest.mark.parametrize("soft", [False, True])
def test_equals_the_slow_one(height, width, levels, soft):
    color = np.random.default_rng(1).random((3, height, width))
    weight = known_pixels(2, height, width, 0.2, soft)
    # Where almost nothing is known, rounding is divided by as little as the smallest weight.
    assert np.abs(run(color, weight, levels) - fill(color, weight, levels)).max() < 1e-3


def test_one_known_pixel_fills_the_frame_with_its_colour():
    color = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    weight = np.zeros((1, 16, 16), np.float32)
    weight[0, 3, 11] = 1
    filled = run(color, weight, 4)
    assert np.abs(filled - color[:, 3:4, 11:12]).max() < 1e-5


def test_two_halves_meet_between_them():
    # Black known left, white known right: what lies between grows brighter to the right.
    color = np.zeros((1, 8, 16), np.float32)
    color[..., 8:] = 1
    weight = np.zeros((1, 8, 16), np.float32)
    weight[..., :4] = weight[..., 12:] = 1
    row = run(color, weight, 3)[0, 4]
    assert (np.diff(row) >= -1e-6).all()
    assert row[7] == pytest.approx(1 - row[8], abs=1e-6)
    assert row[5] < 0.5 < row[10]


def test_nothing_known_is_black():
    assert (run(np.ones((3, 8, 8)), np.zeros((1, 8, 8)), 3) == 0).all()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(4, 24),
    width=st.integers(4, 24),
    share=st.floats(0.05, 1),
    soft=st.booleans(),
)
def test_known_stays_unknown_counts_for_nothing_and_no_colour_is_new(seed, height, width, share, soft):
    rng = np.random.default_rng(seed)
    color = rng.random((3, height, width)).astype(np.float32)
    weight = known_pixels(seed + 1, height, width, share, soft)
    weight[0, 0, 0] = 1.0
    filled = run(color, weight, 5)
    known = weight[0] == 1
    assert np.abs(filled - color)[:, known].max() < 1e-5
    other = np.where(weight > 0, color, rng.random(color.shape)).astype(np.float32)
    assert np.array_equal(run(other, weight, 5), filled)
    # An average of known colours: within their range, or darker where next to nothing is known.
    used = color[:, weight[0] > 0]
    assert (filled <= used.max(1)[:, None, None] + 1e-4).all()
    assert (filled >= -1e-6).all()
