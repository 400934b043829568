"""Drawn views of planes and boxes whose inverse depth is known by hand."""

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="drawing scenes needs moderngl: the extra 'train'")

from ldikit.calibration.rendered.camera import Camera, looking_at, placed
from ldikit.calibration.rendered.mesh import Material
from ldikit.calibration.rendered.renderer import Item, Light, Renderer, Sky
from ldikit.calibration.rendered.shapes import box, quad
from ldikit.reference.errors import BackendUnavailableError

HERE = np.eye(4, dtype=np.float32)
WALL = [(-50, -50, 0), (50, -50, 0), (50, 50, 0), (-50, 50, 0)]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """One renderer for all, with one texture: black below, white above."""

    def picture(name: str) -> np.ndarray:
        if name != "halves":
            raise KeyError(name)
        pixels = np.zeros((8, 8, 4), np.uint8)
        pixels[4:] = 255
        return pixels

    try:
        return Renderer(picture)
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def flat(**more: object) -> Light:
    """Light that is the same from all sides, so that colours are those of the materials."""
    none = (0.0, 0.0, 0.0)
    return Light(sun_color=none, sky_color=(1, 1, 1), ground_color=(1, 1, 1), occlusion=0.0, **more)  # type: ignore[arg-type]


def test_a_wall_ahead_has_the_inverse_of_its_distance(renderer: Renderer) -> None:
    """Two metres away: 0.5 everywhere, also in the corners (depth is along the axis, not the ray)."""
    view = renderer.draw([Item(quad(WALL, Material()), HERE)], Camera((0, 0, 2)), flat(), Sky(), 24, 32)
    np.testing.assert_allclose(view.disparity, 0.5, rtol=1e-5)


def test_the_ground_nears_as_its_rows_go_down(renderer: Renderer) -> None:
    """From height h a level camera sees the ground at row offset y (of focal f) at inverse depth y/(f·h)."""
    ground = quad([(-99, 0, 99), (99, 0, 99), (99, 0, -999), (-99, 0, -999)], Material())
    camera = Camera((0, 1.5, 0), fov=2 * np.arctan(1.0))
    view = renderer.draw([Item(ground, HERE)], camera, flat(), Sky(), 24, 32)
    assert (view.disparity[:12] == 0).all()
    # Focal is 16 pixels; truth is the second nearest of four samples, a quarter pixel below the centre.
    rows = np.arange(13, 24) + 0.75 - 12
    np.testing.assert_allclose(view.disparity[13:, 5], rows / (16 * 1.5), rtol=1e-4)


def test_the_edge_of_a_box_is_never_blended(renderer: Renderer) -> None:
    """A box with its front at 1 m before a wall at 4 m: nothing lies between 0.25 and 1."""
    items = [
        Item(quad(WALL, Material()), placed(0, 0, -4)),
        Item(box((0.68, 0.7, 0.01), Material()), placed(0, -0.3, -1.005)),
    ]
    view = renderer.draw(items, Camera((0, 0, 0)), flat(), Sky(), 48, 64)
    near, far = np.isclose(view.disparity, 1, atol=0.02), np.isclose(view.disparity, 0.25, atol=1e-4)
    assert (near | far).all()
    # 0.68 m at 1 m and focal 32/tan(0.5) = 58.6 pixels: 39.8 pixels, which 40 columns see half of or more.
    assert near[24].sum() == 40


def test_colours_are_linear_and_textures_stand_upright(renderer: Renderer) -> None:
    """A half grey shows as 0.5^2.2; the first row of a texture is at the bottom of the quad."""
    view = renderer.draw(
        [Item(quad(WALL, Material((0.5, 0.5, 0.5))), HERE)], Camera((0, 0, 2)), flat(), Sky(), 16, 16
    )
    shown = view.color[8, 8] / (1 - 0.15 * view.color[8, 8])
    np.testing.assert_allclose(shown, 0.5**2.2, rtol=0.01)
    sheet = quad([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], Material((1, 1, 1), "halves"))
    view = renderer.draw([Item(sheet, HERE)], Camera((0, 0, 2)), flat(), Sky(), 16, 16)
    assert view.color[3, 8, 0] > 0.5 > 0.1 > view.color[12, 8, 0]


def test_cut_out_parts_of_a_texture_are_not_there(renderer: Renderer) -> None:
    """Below half opacity nothing is drawn, in the photo as in the truth."""
    sheet = quad([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], Material((1, 1, 1), "halves", cutout=True))
    view = renderer.draw([Item(sheet, HERE)], Camera((0, 0, 2)), flat(), Sky(), 16, 16)
    assert view.disparity[4, 8] == pytest.approx(0.5)
    assert view.disparity[12, 8] == 0


def test_the_sun_casts_a_shadow(renderer: Renderer) -> None:
    """Straight above a plate the ground under it is dark, beside it bright."""
    ground = quad([(-9, 0, 9), (9, 0, 9), (9, 0, -9), (-9, 0, -9)], Material((1, 1, 1)))
    none = (0.0, 0.0, 0.0)
    light = Light(
        sun=(0.01, 1, 0),
        sun_color=(1, 1, 1),
        sky_color=none,
        ground_color=none,
        softness=0.001,
        occlusion=0.0,
    )
    items = [Item(ground, HERE), Item(box((1, 0.1, 1), Material()), placed(0, 1.0, 0))]
    view = renderer.draw(items, looking_at((0, 2.5, 5), (0, 0, 0), 0.0, 1.0), light, Sky(), 32, 64)
    row = view.color[15, :, 0]
    assert row[32] < 0.05
    assert row[5] > 0.5


def test_looking_at_puts_the_target_in_the_middle() -> None:
    """The direction of the axis is that from the camera to the target."""
    camera = looking_at((1, 2, 3), (4, 2, -1), 0.1, 1.0)
    np.testing.assert_allclose(camera.ahead, [0.6, 0, -0.8], atol=1e-6)
    local = camera.view() @ np.array([4, 2, -1, 1])
    np.testing.assert_allclose(local[:3], [0, 0, -5], atol=1e-5)
