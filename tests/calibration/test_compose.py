import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.calibration.scenes import Surface, compose, full_surface

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def patch(top, left, height, width, color, disparity):
    shape = (height, width)
    return Surface(
        top,
        left,
        np.broadcast_to(np.array(color, np.float32), (*shape, 3)),
        np.full(shape, disparity, np.float32),
        np.ones(shape, bool),
    )


def test_a_box_before_a_wall_hides_exactly_the_wall():
    wall = full_surface(BLUE, np.full((6, 8), 0.25, np.float32))
    layers = compose([wall, patch(1, 2, 3, 4, RED, 0.75)])
    inside = np.zeros((6, 8), bool)
    inside[1:4, 2:6] = True
    np.testing.assert_array_equal(layers.disparity[0], np.where(inside, 0.75, 0.25))
    np.testing.assert_array_equal(layers.disparity[1], 0.25)
    np.testing.assert_array_equal(layers.disparity[2], 0.25)
    np.testing.assert_array_equal(layers.occupancy[0], True)
    np.testing.assert_array_equal(layers.occupancy[1], inside)
    np.testing.assert_array_equal(layers.occupancy[2], False)
    np.testing.assert_array_equal(layers.color[0][inside], np.tile(RED, (12, 1)))
    np.testing.assert_array_equal(layers.color[0][~inside], np.tile(BLUE, (36, 1)))
    np.testing.assert_array_equal(layers.color[1], np.broadcast_to(np.float32(BLUE), (6, 8, 3)))


def test_three_deep_is_sorted_whatever_the_order_of_placing():
    wall = full_surface(BLUE, np.full((4, 4), 0.1, np.float32))
    near, middle = patch(0, 0, 4, 4, RED, 0.9), patch(0, 0, 4, 2, GREEN, 0.5)
    for order in ([near, middle], [middle, near]):
        layers = compose([wall, *order])
        np.testing.assert_array_equal(layers.disparity[:, 0, 0], np.float32([0.9, 0.5, 0.1]))
        np.testing.assert_array_equal(layers.color[:, 0, 0], np.float32([RED, GREEN, BLUE]))
        # Right half: two surfaces, the third layer repeats the background, unoccupied.
        np.testing.assert_array_equal(layers.disparity[:, 0, 3], np.float32([0.9, 0.1, 0.1]))
        np.testing.assert_array_equal(layers.occupancy[:, 0, 3], [True, True, False])


def test_more_surfaces_than_layers_keeps_the_nearest():
    wall = full_surface(BLUE, np.zeros((1, 1), np.float32))
    layers = compose([wall, *(patch(0, 0, 1, 1, RED, d) for d in (0.2, 0.8, 0.4, 0.6))], 3)
    np.testing.assert_array_equal(layers.disparity[:, 0, 0], np.float32([0.8, 0.6, 0.4]))


def test_what_lies_behind_the_background_is_dropped():
    wall = full_surface(BLUE, np.full((2, 2), 0.5, np.float32))
    layers = compose([wall, patch(0, 0, 2, 2, RED, 0.3), patch(0, 0, 1, 1, GREEN, 0.5)])
    np.testing.assert_array_equal(layers.disparity[0], 0.5)
    assert not layers.occupancy[1:].any()


def test_needs_a_background():
    with pytest.raises(ValueError, match="background"):
        compose([])
    hole = full_surface(BLUE, np.zeros((2, 2), np.float32))
    hole.mask[0, 0] = False
    with pytest.raises(ValueError, match="background"):
        compose([hole])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 7), st.integers(1, 4))
def test_equals_sorting_every_pixel(seed, number, count):
    rng = np.random.default_rng(seed)
    surfaces = [full_surface(BLUE, rng.choice([0.0, 0.05], (5, 6)).astype(np.float32))]
    for _ in range(number):
        top, left = rng.integers(0, 4), rng.integers(0, 5)
        h, w = rng.integers(1, 6 - top), rng.integers(1, 7 - left)
        # Eleven steps of 0.1: surfaces coincide often, or differ clearly.
        d = (rng.integers(0, 11, (h, w)) / 10).astype(np.float32)
        surfaces.append(Surface(int(top), int(left), rng.random((h, w, 3)), d, rng.random((h, w)) < 0.7))
    layers = compose(surfaces, count)
    for y in range(5):
        for x in range(6):
            back = surfaces[0].disparity[y, x]
            found = {float(back): surfaces[0].color[y, x]}
            for s in surfaces[1:]:
                i, j = y - s.top, x - s.left
                inside = 0 <= i < s.mask.shape[0] and 0 <= j < s.mask.shape[1]
                if inside and s.mask[i, j] and s.disparity[i, j] > back:
                    found.setdefault(float(s.disparity[i, j]), s.color[i, j])
            expected = sorted(found, reverse=True)[:count]
            held = layers.disparity[: len(expected), y, x]
            np.testing.assert_array_equal(held, np.float32(expected))
            assert layers.occupancy[:, y, x].tolist() == [k < len(expected) for k in range(count)]
            for k, d in enumerate(expected):
                np.testing.assert_allclose(layers.color[k, y, x], found[d], atol=1e-6)
