"""What a viewer shows of the mesh is what the project's renderer shows of the layers."""

import math

import numpy as np
import pytest
from ldikit.reference.ldi import LDI
from ldikit.reference.render import Camera, render
from ldikit.runtime.files3d import Pinhole
from ldikit.runtime.files3d.rims import with_rims
from ldikit.runtime.files3d.surface import Surface, layer_surfaces


def draw(
    surface: Surface, color: np.ndarray, seen: np.ndarray, inverse: np.ndarray, view: np.ndarray
) -> None:
    """Draw triangles as a graphics unit does: nearest texel, one sample a pixel, a depth buffer.

    Args:
        surface: to draw.
        color: (H, W, 3) its picture.
        seen: (V, 3) pixel x, pixel y and 1/distance of its vertices.
        inverse: (H, W) the depth buffer.
        view: (H, W, 3) the picture that is drawn.
    """
    height, width = inverse.shape
    for corners in surface.triangles:
        place, texel = seen[corners], surface.uv[corners].astype(np.float64)
        (left, top), (right, bottom) = place[:, :2].min(axis=0), place[:, :2].max(axis=0)
        x, y = np.meshgrid(
            np.arange(max(math.floor(left), 0), min(math.ceil(right), width)),
            np.arange(max(math.floor(top), 0), min(math.ceil(bottom), height)),
        )
        basis = np.stack([place[:, 0], place[:, 1], np.ones(3)])
        share = np.linalg.solve(basis, np.stack([x.ravel() + 0.5, y.ravel() + 0.5, np.ones(x.size)]))
        nearness = place[:, 2] @ share
        inside = (share > -1e-9).all(axis=0) & (nearness > inverse[y.ravel(), x.ravel()])
        at = (y.ravel()[inside], x.ravel()[inside])
        u, v = ((texel * place[:, 2:]).T @ share / nearness)[:, inside]
        column = np.clip((u * width).astype(int), 0, width - 1)
        row = np.clip((v * height).astype(int), 0, height - 1)
        inverse[at] = nearness[inside]
        view[at] = color[row, column]


@pytest.mark.parametrize(("x", "y"), [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0)])
def test_a_moved_viewer_shows_what_the_renderer_shows(scene: LDI, x: float, y: float) -> None:
    """Square and wall in slow colours: the same of the wall is uncovered, the same of the frame is empty."""
    across, down = np.meshgrid(
        np.linspace(0, 0.3, 64, dtype=np.float32), np.linspace(0, 0.3, 48, dtype=np.float32)
    )
    ramp = np.stack([across, down, across + down])
    scene.color[:] = ramp
    scene.color[0, :, 16:36, 20:50] += 0.4
    scene.occupancy[0] = 1
    parallax, pinhole, focus = 0.1, Pinhole(), 0.2
    camera = Camera(x=x, y=y, focus=focus, parallax=parallax)
    shift_x, shift_y = (s * (focus - pinhole.infinity) for s in camera.shift_px(48, 64))
    inverse, view = np.zeros((48, 64)), np.zeros((48, 64, 3))
    focal = pinhole.focal_px(48, 64)
    layers = with_rims(scene, parallax)
    for layer, surface in layer_surfaces(layers, pinhole, parallax=parallax):
        moved = surface.points - pinhole.baseline(parallax) * np.array([x, -y, 0])
        nearness = -1 / moved[:, 2]
        # A lens that is shifted along, so that disparity `focus` stays where it is.
        seen_x = 32 + focal * moved[:, 0] * nearness + shift_x
        seen_y = 24 - focal * moved[:, 1] * nearness + shift_y
        color = layers.color[layer].transpose(1, 2, 0)
        draw(surface, color, np.stack([seen_x, seen_y, nearness], axis=1), inverse, view)
    ours = render(scene, camera)
    # Two pixels a line may differ where the square's edge is between two pixels.
    assert (np.abs(view - ours.rgb).max(axis=2) > 0.02).sum() <= 2 * 20 + 2 * 30
    assert np.abs(view - ours.rgb).mean() < 0.01
    assert ours.disoccluded.sum() > 50
    assert np.quantile(np.abs(view - ours.rgb)[ours.disoccluded], 0.7) < 0.01
    assert ((inverse == 0) == ours.holes).mean() > 0.99


def test_a_hidden_layer_goes_on_under_the_visible_one_by_a_pixel(scene: LDI) -> None:
    wide = with_rims(scene, 0.05)
    there = np.zeros((48, 64), bool)
    there[15:37, 19:51] = True
    np.testing.assert_array_equal(wide.occupancy[1, 0] > 0, there)
    # A quarter of a pixel of parallax behind the wall, in the colour next to it.
    assert wide.disparity[1, 0, 15, 30] == pytest.approx(0.2 - 0.25 / (0.05 * 64))
    assert any((wide.color[1, :, 15, 30] == scene.color[1, :, 16, x]).all() for x in (29, 30, 31))
    for name in ("color", "disparity", "occupancy"):
        made, known = getattr(wide, name), getattr(scene, name)
        np.testing.assert_array_equal(made[0], known[0])
        np.testing.assert_array_equal(made[1, :, 16:36, 20:50], known[1, :, 16:36, 20:50])
        np.testing.assert_array_equal(made[2], known[2])
