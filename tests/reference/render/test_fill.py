import numpy as np
from ldikit.reference.render import View, fill_holes


def view(color, coverage):
    """What the renderer makes of colour under partial coverage."""
    rgb = color * coverage[..., None] / np.maximum(coverage, 0.5)[..., None]
    return View(rgb.astype(np.float32), coverage.astype(np.float32), np.zeros_like(coverage, np.float32))


def test_what_is_covered_stays():
    color = np.random.default_rng(0).random((13, 18, 3)).astype(np.float32)
    coverage = np.ones((13, 18))
    np.testing.assert_array_equal(fill_holes(view(color, coverage)), color)
    coverage[4:7, 4:9] = 0
    filled = fill_holes(view(color, coverage))
    np.testing.assert_allclose(filled[coverage == 1], color[coverage == 1], atol=1e-6)


def test_holes_take_the_colour_around_them():
    coverage = np.ones((17, 22))
    coverage[5:12, 3:15] = 0
    coverage[0, 0] = 0.3
    level = np.full((17, 22, 3), (0.2, 0.5, 0.7))
    np.testing.assert_allclose(fill_holes(view(level, coverage)), level, atol=1e-5)
    # left black, right white, a hole in each: each is filled from its own side
    halves = np.zeros((16, 64, 3))
    halves[:, 32:] = 1
    coverage = np.ones((16, 64))
    coverage[6:9, 4:7] = coverage[6:9, 56:59] = 0
    np.testing.assert_allclose(fill_holes(view(halves, coverage)), halves, atol=1e-5)


def test_nothing_covered_is_black():
    np.testing.assert_array_equal(fill_holes(view(np.ones((5, 7, 3)), np.zeros((5, 7)))), 0)
