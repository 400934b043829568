"""Still pictures, the filling of holes and the zoom that hides the frame's borders."""

import numpy as np
import pytest
from ldikit.reference.ldi import LDI
from ldikit.reference.render import Camera, render
from ldikit.runtime.photo3d.fill import fill_holes
from ldikit.runtime.photo3d.pictures import GAP, preview, unstretched, write_depth
from ldikit.runtime.photo3d.video import LARGEST_ZOOM, border_zoom, picture
from PIL import Image


def flat(disparity, height=60, width=80, color=0.5):
    """One opaque layer of one colour and disparity."""
    plane = np.full((1, 1, height, width), disparity, np.float32)
    return LDI(np.full((1, 3, height, width), color, np.float32), plane, np.ones_like(plane))


def test_a_hole_takes_the_colour_around_it():
    cover = np.ones((9, 13), np.float32)
    cover[3:6, 4:9] = 0
    color = np.array([0.2, 0.4, 0.8], np.float32)
    filled = fill_holes(cover[..., None] * color, cover)
    assert np.allclose(filled, color, atol=1e-6)


def test_what_is_covered_stays_and_a_hole_lies_between_its_sides():
    cover = np.ones((8, 16), np.float32)
    cover[:, 6:10] = 0
    rgb = np.zeros((8, 16, 3), np.float32)
    rgb[:, 10:] = 1
    filled = fill_holes(rgb, cover)
    assert np.array_equal(filled[cover == 1], rgb[cover == 1])
    assert filled[:, 6].max() < filled[:, 9].min()
    assert filled.min() >= 0 and filled.max() <= 1


def test_partly_covered_pixels_are_topped_up():
    cover = np.full((4, 4), 0.5, np.float32)
    filled = fill_holes(np.full((4, 4, 3), 0.5 * 0.6, np.float32), cover)
    assert np.allclose(filled, 0.6, atol=1e-6)


def test_nothing_covered_is_black():
    assert not fill_holes(np.zeros((5, 7, 3), np.float32), np.zeros((5, 7), np.float32)).any()


def test_zoom_is_what_the_border_moves():
    # Borders at disparity 0 stand 0.5 behind the focus: 0.05 · 80 · 0.5 = 2 px of 60, from both sides.
    assert border_zoom(flat(0.0), 1.0, 0.05) == pytest.approx(60 / 56)
    assert border_zoom(flat(0.5), 1.0, 0.05) == 1
    assert border_zoom(flat(1.0, 10, 400), 1.0, 0.05) == LARGEST_ZOOM


@pytest.mark.parametrize("disparity", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("place", [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_zoom_hides_the_borders(disparity, place):
    ldi = flat(disparity)
    x, y = place
    zoom = border_zoom(ldi, 1.0, 0.05)
    assert not render(ldi, Camera(x=x, y=y, zoom=zoom)).holes.any()
    assert np.abs(picture(ldi, Camera(x=x, y=y, zoom=zoom)).astype(int) - 128).max() <= 1


def test_depth_is_written_in_16_bits(tmp_path):
    write_depth(tmp_path / "d.png", np.array([[0.0, 0.5], [1.0, 0.25]], np.float32))
    with Image.open(tmp_path / "d.png") as image:
        assert image.mode == "I;16"
        assert np.asarray(image).tolist() == [[0, 32768], [65535, 16384]]


def test_depth_takes_the_shape_of_the_photo_not_more_pixels():
    plane = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    assert unstretched(plane, 300, 600).shape == (32, 64)
    assert unstretched(plane, 30, 40).shape == (30, 40)
    assert unstretched(plane, 48, 64) is plane


def test_preview_holds_six_pictures():
    sheet = preview(flat(0.5), 0.05)
    assert sheet.size == (3 * 80 + 2 * GAP, 2 * 60 + GAP)
    pixels = np.asarray(sheet)
    for row in (30, 60 + GAP + 30):
        for column in (40, 80 + GAP + 40, 160 + 2 * GAP + 40):
            assert np.abs(pixels[row, column].astype(int) - 128).max() <= 1


def test_pictures_have_no_holes_where_views_have():
    ldi = flat(0.0, color=0.25)
    ldi.disparity[:, :, 20:40, 30:50] = 1
    ldi.color[:, :, 20:40, 30:50] = 0.75
    camera = Camera(x=1, parallax=0.1)
    assert render(ldi, camera).holes.sum() >= 20 * 6  # 8 px beside the square, less what is shared
    shown = picture(ldi, camera)
    assert shown.min() >= 63 and shown.max() <= 192
