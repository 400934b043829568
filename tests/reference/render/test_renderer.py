"""The renderer against analytic cases and an obvious brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.reference.render import Camera, render


def make(color, disparity, occupancy=None):
    """An LDI from (L, H, W) disparity and occupancy, and (L, 3, H, W) colour."""
    disparity = np.asarray(disparity, np.float32)[:, None]
    occupancy = np.ones_like(disparity) if occupancy is None else np.asarray(occupancy, np.float32)[:, None]
    return LDI(np.ascontiguousarray(color, np.float32), disparity, occupancy)


def texture(layers, height, width, seed=0):
    return np.random.default_rng(seed).random((layers, 3, height, width)).astype(np.float32)


def brute_force(ldi, camera):
    """Every pixel of every layer offered to every target, nearest first; plain Python.

    Nearest: furthest along the camera's direction, a hidden layer's pixel counting one pixel less.
    """
    height, width = ldi.size
    sx, sy = camera.shift_px(height, width)
    along = 0 if abs(sx) >= abs(sy) else 1
    sign = 1 if (sx, sy)[along] > 0 else -1
    cx, cy = (width - 1) / 2, (height - 1) / 2

    def place(k, y, x):
        d = float(ldi.disparity[k, 0, y, x]) - camera.focus
        return cx + camera.zoom * (x - cx - sx * d), cy + camera.zoom * (y - cy - sy * d)

    def side(distance, link_length):
        step = abs(link_length / camera.zoom - 1)
        link = min(1, max(0, (1.5 - step) / 0.5))
        joined = max(0, 1 - distance / max(link_length, 0.25 * camera.zoom)) if link else 0
        return link * joined + (1 - link) * max(0, 1 - distance / camera.zoom)

    def hat(k, y, x, axis, target):
        here = place(k, y, x)[axis]
        way = 1 if target >= here else -1
        ny, nx = (y, x + way) if axis == 0 else (y + way, x)
        if not (0 <= ny < height and 0 <= nx < width):
            return max(0, 1 - abs(target - here) / camera.zoom)
        return side(abs(target - here), way * (place(k, ny, nx)[axis] - here))

    order = [(k, y, x) for k in range(ldi.layers) for y in range(height) for x in range(width)]
    # Within one line, rows (or columns) come in order; a float sum needs the same order to be the same sum.
    order.sort(key=lambda p: (-sign * (p[2], p[1])[along] + (p[0] > 0), p[0], (p[1], p[2])[along]))
    rgb, coverage, hidden = np.zeros((height, width, 3)), np.zeros((height, width)), np.zeros((height, width))
    for k, y, x in order:
        for v in range(height):
            for u in range(width):
                weight = float(ldi.occupancy[k, 0, y, x]) * hat(k, y, x, 0, u) * hat(k, y, x, 1, v)
                weight = min(weight, 1 - coverage[v, u])
                if weight > 0:
                    rgb[v, u] += weight * ldi.color[k, :, y, x]
                    coverage[v, u] += weight
                    hidden[v, u] += weight * (k > 0)
    return rgb / np.maximum(coverage, 0.5)[..., None], coverage, hidden


@pytest.mark.parametrize(
    "camera",
    [
        Camera(x=1, parallax=0.4),
        Camera(x=-1, focus=0, parallax=0.3),
        Camera(y=1, parallax=0.4),
        Camera(x=0.3, y=-0.8, parallax=0.4),
        Camera(x=-0.8, y=0.3, zoom=1.3, parallax=0.4),
    ],
)
def test_equals_brute_force(camera):
    random = np.random.default_rng(3)
    front = np.clip(np.cumsum(random.normal(0, 0.2, (7, 9)), axis=1) + 0.5, 0, 1)
    disparity = np.stack([front, np.minimum(front, 0.3), np.minimum(front, 0.1)])
    occupancy = np.stack([random.choice([1, 1, 0.6], (7, 9)), front > 0.35, front > 0.5]).astype(float)
    ldi = make(texture(3, 7, 9), disparity, occupancy)
    view = render(ldi, camera)
    rgb, coverage, hidden = brute_force(ldi, camera)
    np.testing.assert_allclose(view.coverage, coverage, atol=2e-5)
    np.testing.assert_allclose(view.hidden, hidden, atol=2e-5)
    np.testing.assert_allclose(view.rgb, rgb, atol=5e-5)
    assert hidden.max() > 0.2  # the case does reach hidden layers


@pytest.mark.parametrize("camera", [Camera(), Camera(focus=0.1)])
def test_unmoved_camera_gives_the_photo_exactly(camera):
    color = texture(3, 12, 17)
    random = np.random.default_rng(1)
    disparity = np.sort(random.random((3, 12, 17)), axis=0)[::-1]
    view = render(make(color, disparity), camera)
    np.testing.assert_array_equal(view.rgb, color[0].transpose(1, 2, 0))
    np.testing.assert_array_equal(view.coverage, 1)
    assert not view.disoccluded.any()


@settings(max_examples=15, deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))
def test_a_level_plane_shifts_bilinearly(x, y, d):
    height, width = 20, 24
    color = texture(1, height, width)
    camera = Camera(x=x, y=y, focus=0, parallax=0.25)  # P = 6 px
    view = render(make(color, np.full((1, height, width), d)), camera)
    d = float(np.float32(d))
    for v in range(7, 13):
        for u in range(7, 17):
            sx, sy = u + x * 6 * d, v + y * 6 * d  # where the pixel came from
            j, i = math.floor(sx), math.floor(sy)
            fx, fy = sx - j, sy - i
            c = color[0]
            expected = (1 - fy) * ((1 - fx) * c[:, i, j] + fx * c[:, i, j + 1])
            expected += fy * ((1 - fx) * c[:, i + 1, j] + fx * c[:, i + 1, j + 1])
            np.testing.assert_allclose(view.rgb[v, u], expected, atol=1e-5)
            assert view.coverage[v, u] == pytest.approx(1, abs=1e-5)


def box_before_wall():
    """A box (columns 8..11, disparity 1) before a wall (0); the hidden layer is the wall behind the box."""
    height, width = 6, 24
    box = np.zeros((height, width))
    box[:, 8:12] = 1
    color = texture(2, height, width)
    ldi = make(color, np.stack([box, np.where(box, 0, -0.0)]), np.stack([np.ones_like(box), box]))
    return ldi, color.transpose(0, 2, 3, 1)


def test_a_box_before_a_wall_reveals_the_hidden_layer_exactly():
    ldi, color = box_before_wall()
    view = render(ldi, Camera(x=1, focus=0, parallax=3 / 24))  # the box moves 3 px to the left
    np.testing.assert_allclose(view.rgb[:, 5:9], color[0][:, 8:12], atol=1e-6)  # the box, now at 5..8
    np.testing.assert_allclose(view.rgb[:, 9:12], color[1][:, 9:12], atol=1e-6)  # wall that it hid
    np.testing.assert_allclose(view.rgb[:, :5], color[0][:, :5], atol=1e-6)
    np.testing.assert_allclose(view.rgb[:, 12:], color[0][:, 12:], atol=1e-6)
    expected = np.zeros((6, 24), bool)
    expected[:, 9:12] = True
    np.testing.assert_array_equal(view.disoccluded, expected)
    assert not view.holes.any()


def test_a_thin_object_shows_the_wall_on_its_other_side():
    # The box moves past its own width: behind where it stood, and between, the wall is seen from both layers.
    ldi, color = box_before_wall()
    view = render(ldi, Camera(x=-1, focus=0, parallax=8 / 24))  # to the right by 8: the box at 16..19
    np.testing.assert_allclose(view.rgb[:, 16:20], color[0][:, 8:12], atol=1e-6)
    np.testing.assert_allclose(view.rgb[:, 8:12], color[1][:, 8:12], atol=1e-6)
    np.testing.assert_allclose(view.rgb[:, 12:16], color[0][:, 12:16], atol=1e-6)


def test_without_a_hidden_layer_a_tear_is_a_hole_not_rubber():
    ldi, _ = box_before_wall()
    view = render(
        LDI(ldi.color[:1], ldi.disparity[:1], ldi.occupancy[:1]), Camera(x=1, focus=0, parallax=3 / 24)
    )
    expected = np.zeros((6, 24), bool)
    expected[:, 9:12] = True
    np.testing.assert_array_equal(view.holes, expected)
    np.testing.assert_array_equal(view.rgb[expected], 0)


@pytest.mark.parametrize("slope", [(0.6, 0), (0.3, 0.3), (-0.9, 0), (0.2, -0.2)])
def test_a_slope_has_no_cracks_and_lands_where_geometry_says(slope):
    # A plane that moves `slope` px more a pixel: u = q − s·(a·qx + b·qy) is solved for q by hand.
    size, (a, b) = 48, slope
    y, x = np.mgrid[:size, :size].astype(np.float64)
    middle = (size - 1) / 2
    camera = Camera(x=math.sqrt(0.5), y=math.sqrt(0.5), parallax=10 / size)
    s = 10 * math.sqrt(0.5)
    disparity = 0.5 + (a * (x - middle) + b * (y - middle)) / s
    color = np.stack([x, y, x]) / size
    view = render(make(color[None], disparity[None]), camera)
    matrix = np.array([[1 - a, -b], [-a, 1 - b]])
    came_from = np.linalg.solve(matrix, np.stack([x.ravel() - middle, y.ravel() - middle])) + middle
    inside = ((came_from > 3) & (came_from < size - 4)).all(axis=0).reshape(size, size)
    assert np.count_nonzero(inside) > 80
    # Hats of rows and columns are apart: a slope along both shares a·b of a pixel wrongly.
    assert view.coverage[inside].min() > 1 - 1.1 * max(-a * b, 0) - 1e-6
    error = view.rgb[..., :2][inside] * size - came_from.T[inside.ravel()]
    assert np.abs(error).max() < 0.25  # pixels


def test_an_unmoved_zoom_resamples_bilinearly():
    color = np.broadcast_to(np.linspace(0, 1, 21), (1, 3, 11, 21))
    view = render(make(color, np.full((1, 11, 21), 0.7)), Camera(zoom=2))
    expected = np.clip(0.5 + (np.linspace(0, 1, 21) - 0.5) / 2, 0, 1)
    np.testing.assert_allclose(view.rgb[5, :, 0], expected, atol=1e-6)
    np.testing.assert_allclose(view.coverage, 1, atol=1e-6)


def test_is_deterministic():
    ldi, _ = box_before_wall()
    first, second = (render(ldi, Camera(x=0.7, y=0.2)) for _ in range(2))
    np.testing.assert_array_equal(first.rgb, second.rgb)


@pytest.mark.parametrize("noise", [1e-4, 1e-3])
def test_a_small_change_of_disparity_is_a_small_change_of_the_view(noise):
    # White texture, three layers and many edges: the hardest case. One 4-sample z-buffer splat makes 40 dB.
    random = np.random.default_rng(0)
    height, width = 96, 128
    front = np.zeros((height, width))
    y, x = np.mgrid[:height, :width]
    for near in (0.3, 0.5, 0.7, 0.9):
        for _ in range(4):
            cy, cx, r = random.uniform(0, height), random.uniform(0, width), random.uniform(4, 12)
            front[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = near
    disparity = np.stack([front, np.minimum(front, 0.15), np.zeros_like(front)]) * 0.98 + 0.01
    occupancy = np.stack([np.ones_like(front), front > 0.2, front > 0.2])
    color = texture(3, height, width)
    moved = np.clip(disparity + random.uniform(-noise, noise, disparity.shape), 0, 1)
    for camera in (Camera(x=1), Camera(y=-1), Camera(x=0.6, y=0.6)):
        views = [render(make(color, d, occupancy), camera) for d in (disparity, moved)]
        psnr = -10 * math.log10(np.mean((views[0].rgb - views[1].rgb) ** 2))
        assert psnr > {1e-4: 65, 1e-3: 45}[noise]
        change = np.abs(views[0].coverage - views[1].coverage).max()
        assert change < 40 * noise * 128 * 0.05  # Lipschitz: no flip anywhere


@pytest.mark.parametrize("plane", ["color", "disparity", "occupancy"])
def test_values_that_are_not_finite_are_refused(plane):
    ldi, _ = box_before_wall()
    getattr(ldi, plane)[0, 0, 2, 3] = np.nan
    with pytest.raises(InputError, match=plane):
        render(ldi, Camera(x=1))
