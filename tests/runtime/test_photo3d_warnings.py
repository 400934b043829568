"""Where a 3D photo will disappoint: shares worked out by hand on small scenes."""

import numpy as np
import pytest
from ldikit.reference.ldi import LDI
from ldikit.runtime.photo3d.warnings import blank_photo, cut_borders, depth_range, disappointments, thin_share

PARALLAX = 0.05


def scene(plane):
    plane = np.asarray(plane, np.float32)[None, None]
    return LDI(np.zeros((1, 3, *plane.shape[2:]), np.float32), plane, np.ones_like(plane))


def slope(height=100, width=100):
    """Far at the top, near at the bottom, like a floor: from 0 to 1."""
    return np.repeat(np.linspace(0, 1, height)[:, None], width, axis=1)


def test_a_floor_is_nothing_to_warn_of():
    assert disappointments(scene(slope()), PARALLAX) == []
    assert depth_range(scene(slope())) == pytest.approx(0.96, abs=0.01)


def test_too_little_depth_is_all_that_is_said():
    (only,) = disappointments(scene(0.5 + 0.09 * slope()), PARALLAX)
    assert only.startswith("too little depth: the scene spans 0.09") and "--depth-map" in only
    assert disappointments(scene(0.5 + 0.11 * slope()), PARALLAX) == []


@pytest.mark.parametrize(
    ("border", "place", "advice"),
    [
        ("left", np.s_[20:90, :30], "--motion vertical"),
        ("right", np.s_[20:90, 80:], "--motion vertical"),
        ("upper", np.s_[:20, 30:70], "--motion horizontal"),
    ],
)
def test_something_near_at_a_border(border, place, advice):
    plane = 0.5 * slope()
    plane[place] = 1
    found = cut_borders(scene(plane))
    assert found == {border: 0.7 if border != "upper" else 0.4}
    (warning,) = disappointments(scene(plane), PARALLAX)
    assert f"{border} border along {found[border]:.0%}" in warning and advice in warning


def test_something_near_along_the_lower_border_is_the_ground():
    plane = 0.5 * slope()
    plane[70:, 20:80] = 1
    assert cut_borders(scene(plane)) == {}


def test_thin_things_are_those_of_two_pixels_and_less():
    plane = np.zeros((100, 100))
    plane[60:] = 0.6
    plane[10:50, 20:22] = 1  # a pole of 80 pixels, 0.8 %
    plane[10:50, 60:63] = 1  # one that is wide enough
    assert thin_share(scene(plane), PARALLAX) == pytest.approx(0.008)
    (warning,) = disappointments(scene(plane), PARALLAX)
    assert "very thin structures (0.80% of the photo" in warning and "ldikit retouch" in warning


def test_what_is_too_flat_to_tear_is_not_thin():
    plane = np.zeros((100, 100))
    # 4 slopes of 0.5 / 5 px are 0.4.
    plane[:, 20] = 0.39
    assert thin_share(scene(plane), PARALLAX) == 0
    plane[:, 20] = 0.41
    assert thin_share(scene(plane), PARALLAX) == pytest.approx(0.01)


@pytest.mark.parametrize("size", [(32, 32), (600, 2000)])
def test_a_photo_of_one_colour_shows_nothing(size):
    photo = np.full((*size, 3), (200, 90, 30), np.uint8)
    (warning,) = blank_photo(photo)
    assert warning.startswith("too little to see")
    photo[: size[0] // 2, :, 1] += 8  # noise of a camera, say
    assert blank_photo(photo) != []
    photo[: size[0] // 2, :, 1] += 1
    assert blank_photo(photo) == []


def test_a_page_shows_its_letters():
    photo = np.full((300, 200, 3), 250, np.uint8)
    photo[20:280:12, 20:180] = 20  # lines of text: a fifteenth of the page
    assert blank_photo(photo) == []
