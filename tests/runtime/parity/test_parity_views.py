import math

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.reference.render import Camera, View, parity_cameras
from ldikit.runtime.parity.views import compare_view, compare_views, flip_map, render_views, ssim_map


def view(rgb, hidden=None, coverage=None):
    height, width = rgb.shape[:2]
    full = np.ones((height, width), np.float32)
    return View(
        rgb.astype(np.float32),
        full if coverage is None else coverage.astype(np.float32),
        np.zeros_like(full) if hidden is None else hidden.astype(np.float32),
    )


def noise(seed=0, shape=(32, 40, 3)):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def test_golden_psnr_on_the_frame_and_in_the_mask():
    # Off by 0.1 in the 64 pixels of the mask, 0 elsewhere: 20 dB inside; 20 + 10·log10(1280/64) on the frame.
    hidden = np.zeros((32, 40))
    hidden[8:16, 8:16] = 0.9
    reference = np.full((32, 40, 3), 0.5)
    scores = compare_view(view(reference, hidden), view(reference + 0.1 * (hidden > 0)[..., None]))
    assert scores["psnr_disoccluded"] == pytest.approx(20, abs=1e-4)
    assert scores["psnr"] == pytest.approx(20 + 10 * math.log10(20), abs=1e-4)
    assert scores["disoccluded"] == pytest.approx(0.05)
    assert scores["flip_disoccluded"] > scores["flip"] > 0
    assert scores["ssim_disoccluded"] < scores["ssim"] < 1


def test_holes_and_an_empty_mask():
    coverage = np.ones((32, 40))
    coverage[:, :4] = 0.4
    scores = compare_view(view(noise()), view(noise(), coverage=coverage))
    assert (scores["holes_reference"], scores["holes_candidate"]) == (0, pytest.approx(0.1))
    assert scores["holes_change"] == pytest.approx(0.1)
    assert all(scores[f"{m}_disoccluded"] is None for m in ("psnr", "ssim", "flip"))
    assert (scores["psnr"], scores["flip"]) == (200, 0)
    assert scores["ssim"] == pytest.approx(1)


def test_ssim_of_level_images_by_its_formula():
    # No variance: SSIM = (2ab + c1)/(a² + b² + c1) with c1 = 0.01².
    a, b = 0.4, 0.6
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    got = ssim_map(np.full((16, 16, 3), a, np.float32), np.full((16, 16, 3), b, np.float32))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_ssim_by_definition_in_one_pixel():
    # Gaussian window of σ 1.5 and radius 5, population covariance, at pixel (10, 12).
    r, c = noise(1), noise(2)
    g = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    w = np.outer(g, g) / g.sum() ** 2
    values = []
    for k in range(3):
        x, y = (i[5:16, 7:18, k].astype(np.float64) for i in (r, c))
        mx, my = (w * x).sum(), (w * y).sum()
        vx, vy, cov = (w * x * x).sum() - mx**2, (w * y * y).sum() - my**2, (w * x * y).sum() - mx * my
        values.append((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))
    assert ssim_map(r, c)[10, 12] == pytest.approx(np.mean(values), abs=1e-4)


def test_flip_of_black_and_white_by_its_formula():
    # Section 4.1: HyAB distance 100, to the power 0.7; the largest possible is green to blue, whose
    # Hunt-adjusted L*a*b* are (87.74, −75.61, 72.98) and (32.30, 25.58, −34.84). Above 0.4 of that the error
    # runs from 0.95 to 1. No edges, so the map is this all over.
    largest = (87.74 - 32.30 + math.hypot(75.61 + 25.58, 72.98 + 34.84)) ** 0.7
    expected = 0.95 + 0.05 * (100**0.7 - 0.4 * largest) / (largest - 0.4 * largest)
    black = np.zeros((24, 24, 3), np.float32)
    np.testing.assert_allclose(flip_map(black, np.ones_like(black)), expected, atol=2e-4)
    assert flip_map(black, black).max() == 0


def test_flip_can_be_left_out():
    scores = compare_view(view(noise()), view(noise(1)), flip=False)
    assert scores["flip"] is None and scores["flip_disoccluded"] is None
    assert scores["psnr"] is not None


def scene(shade=0.0):
    """A square before a wall, 64×64, two layers."""
    square = np.zeros((64, 64), np.float32)
    square[20:44, 20:44] = 0.8
    disparity = np.stack([square, np.zeros_like(square)])[:, None] + np.float32(0.1)
    disparity[1] -= np.float32(0.05)
    occupancy = np.stack([np.ones_like(square), (square > 0).astype(np.float32)])[:, None]
    color = np.stack([noise(5, (3, 64, 64)), noise(6, (3, 64, 64)) * (1 - shade)])
    return LDI(color.astype(np.float32), disparity.astype(np.float32), occupancy)


def test_a_darker_hidden_layer_is_found_inside_the_mask():
    result = compare_views(scene(), scene(shade=0.2))
    worst = result["worst"]
    assert worst["psnr_disoccluded"] < worst["psnr"] - 5
    # wall texture is uniform noise: mean square 1/3, off by a fifth: −10·log10(0.04/3) = 18.75 dB
    assert worst["psnr_disoccluded"] == pytest.approx(18.75, abs=1.0)
    assert len(result["views"]) == len(parity_cameras())
    assert worst["psnr"] == min(v["psnr"] for v in result["views"])
    assert worst["flip"] == max(v["flip"] for v in result["views"])
    assert result["median"]["psnr"] == pytest.approx(np.median([v["psnr"] for v in result["views"]]))
    assert [(v["x"], v["y"]) for v in result["views"]] == [(c.x, c.y) for c in parity_cameras()]


def test_rendered_views_can_be_given_in_place_of_an_ldi():
    cameras = [Camera(x=1), Camera(y=-1)]
    views = render_views(scene(), cameras)
    given = compare_views(views, scene(shade=0.2), cameras, flip=False)
    assert given == compare_views(scene(), scene(shade=0.2), cameras, flip=False)
    with pytest.raises(InputError, match="2 and 2 views for 6 cameras"):
        compare_views(views, views)


def test_an_ldi_that_is_not_finite_scores_nan():
    broken = scene()
    broken.disparity[1, 0, 3, 3] = np.nan
    result = compare_views(scene(), broken, [Camera(x=1)])
    assert result["views"] == []
    assert all(math.isnan(value) for value in result["worst"].values())


def test_other_sizes_are_an_error():
    with pytest.raises(InputError, match="reference is"):
        compare_view(view(noise()), view(noise().transpose(1, 0, 2)))
