import numpy as np
import pytest
from ldikit.calibration.scenes import shapes, solids, thin
from ldikit.calibration.scenes.backdrops import outdoors, room
from ldikit.calibration.scenes.cards import card, card_materials
from ldikit.calibration.scenes.light import Light
from ldikit.calibration.scenes.material import Material
from ldikit.calibration.scenes.view import View

LIGHT = Light(np.array([0.0, -1.0, 0.0], np.float32), 0.5, np.ones(3, np.float32), 0.0, 0.5)
PAINT = Material("plain", 0, np.zeros(3, np.float32), np.ones(3, np.float32))
VIEW = View(96, 128, focal=1.0)


def whole(surface, view=VIEW):
    """Disparity in the whole frame, 0 where the surface is not."""
    out = np.zeros((view.height, view.width))
    h, w = surface.mask.shape
    out[surface.top : surface.top + h, surface.left : surface.left + w] = np.where(
        surface.mask, surface.disparity, 0
    )
    return out


def test_a_box_ahead_has_its_front_at_its_depth_and_covers_what_perspective_says():
    box = whole(solids.box(VIEW, LIGHT, np.array([0, 0, 4.0]), np.array([0.5, 0.25, 1.0]), 0.0, PAINT))
    # Front face at depth 3; ±0.5 m at focal 128 px is ±21.33 px, ±0.25 m is ±10.67 px.
    assert (box[48 - 10 : 48 + 10, 64 - 21 : 64 + 21] > 0).all()
    assert (box > 0).sum() == 42 * 22  # pixels whose middles lie within
    np.testing.assert_allclose(box[box > 0], 1 / 3, rtol=1e-5)


def test_a_ball_is_nearest_in_its_middle_and_has_the_outline_of_its_tangents():
    ball = whole(solids.ellipsoid(VIEW, LIGHT, np.array([0, 0, 4.0]), np.full(3, 1.0), PAINT))
    assert ball.max() == pytest.approx(1 / 3, rel=1e-3)
    # A sphere of radius 1 at 4 is seen under the angle asin(1/4): 128·tan(asin(1/4)) = 33.05 px.
    y, x = np.mgrid[0:96, 0:128]
    far = np.hypot(y + 0.5 - 48, x + 0.5 - 64)
    np.testing.assert_array_equal(
        (ball > 0)[np.abs(far - 33.05) > 0.2], (far < 33.05)[np.abs(far - 33.05) > 0.2]
    )


def test_a_cylinder_has_its_axis_side_nearest_and_shows_its_lid_from_above():
    can = solids.cylinder(VIEW, LIGHT, np.array([0, 0, 3.0]), 0.5, 0.4, PAINT)
    assert whole(can).max() == pytest.approx(1 / 2.5, rel=1e-3)
    above = View(96, 128, 1.0, pitch=float(np.pi / 2))
    lid = whole(solids.cylinder(above, LIGHT, np.array([0, 4.0, 0]), 0.5, 1.0, PAINT), above)
    np.testing.assert_allclose(lid[48, 64], 1 / 3, rtol=1e-5)
    assert (lid > 0).sum() == pytest.approx(np.pi * (128 * 0.5 / 3) ** 2, rel=0.03)


@pytest.mark.parametrize("pitch, roll", [(0.0, 0.0), (0.4, 0.0), (0.3, 0.2), (-0.2, -0.1)])
def test_pixels_rays_and_projection_agree(pitch, roll):
    view = View(60, 80, 0.9, pitch, roll)
    ray = view.rays()
    points = (ray * 5.0).reshape(3, -1).T
    column, row, depth = view.project(points)
    y, x = np.mgrid[0:60, 0:80]
    np.testing.assert_allclose(column, x.ravel() + 0.5, atol=1e-2)
    np.testing.assert_allclose(row, y.ravel() + 0.5, atol=1e-2)
    np.testing.assert_allclose(depth, 5.0, rtol=1e-5)


def test_disparity_of_the_ground_is_linear_down_the_picture_and_none_above_the_horizon():
    rng = np.random.default_rng(0)
    ground = outdoors(rng, VIEW, LIGHT, 1.5).disparity
    row = np.arange(96) + 0.5 - 48
    expected = np.maximum(row / 128 / 1.5, 0)[:, None]
    np.testing.assert_allclose(ground, np.broadcast_to(expected, ground.shape), atol=1e-6)


def test_a_room_is_closed_and_continuous():
    inside = room(np.random.default_rng(1), VIEW, LIGHT, 1.4).disparity
    assert inside.min() > 0
    steps = max(np.abs(np.diff(inside, axis=0)).max(), np.abs(np.diff(inside, axis=1)).max())
    # The nearest plane may be as near as the lowest ceiling: slope 1/(128·distance), distance ≥ 0.8 m.
    assert steps < 1 / (128 * 0.75) * 1.5


def test_a_card_stands_at_the_depth_of_its_foot_and_has_its_size():
    rng = np.random.default_rng(2)
    shape = shapes.person(rng)
    person = card(VIEW, LIGHT, shape, card_materials(rng, shape, 1.7), (0.0, 1.0, 5.0), 1.7)
    seen = whole(person)
    rows = np.flatnonzero((seen > 0).any(1))
    np.testing.assert_allclose(seen[seen > 0], 0.2, rtol=1e-6)
    # Foot 1 m below the eye at 5 m: row 48 + 128/5; crown 0.7 m above: row 48 − 0.7·128/5.
    assert rows.max() + 1 == pytest.approx(48 + 128 / 5, abs=1.0)
    assert rows.min() == pytest.approx(48 - 0.7 * 128 / 5, abs=1.5)
    twice = card(VIEW, LIGHT, shape, card_materials(rng, shape, 1.7), (0.0, 1.0, 10.0), 1.7)
    assert twice.mask.sum() == pytest.approx(person.mask.sum() / 4, rel=0.15)


def test_what_is_behind_the_camera_or_beside_the_frame_is_not_seen():
    half = np.full(3, 0.5)
    assert solids.box(VIEW, LIGHT, np.array([0, 0, -4.0]), half, 0.0, PAINT) is None
    assert solids.ellipsoid(VIEW, LIGHT, np.array([20.0, 0, 4.0]), half, PAINT) is None
    shape = thin.lamp(np.random.default_rng(0))
    assert card(VIEW, LIGHT, shape, [PAINT, PAINT], (0.0, 1.0, -3.0), 1.0) is None


def test_shadow_darkens_the_ground_round_the_foot_only():
    back = outdoors(np.random.default_rng(4), VIEW, LIGHT, 1.0)
    before = back.color.copy()
    back.shadow(VIEW, LIGHT, 0.0, 4.0, 0.3, 1.0)
    ratio = (back.color.sum(-1) + 1e-6) / (before.sum(-1) + 1e-6)
    assert ratio[48 + 32, 64] == pytest.approx(0.5, abs=0.02)  # depth 4 is 128/4 rows below the horizon
    assert (ratio[:, :40] == 1).all() and (ratio[:48] == 1).all()
