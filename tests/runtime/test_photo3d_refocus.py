"""The still with a shallow depth of field: the lens's disk, sharp focus, and what hidden layers show."""

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.photo3d.lens import blurred_slab
from ldikit.runtime.photo3d.refocus import GAMMA, Refocus, focus_at, parse_refocus, refocused
from PIL import Image

HEIGHT, WIDTH = 64, 96


def halves(hidden_green=True):
    """A red near half (disparity 1) at the left before a far wall (0), blue at the right, green behind."""
    near = np.zeros((HEIGHT, WIDTH), np.float32)
    near[:, :48] = 1
    front = np.stack([near, 0 * near, 1 - near])
    behind = np.stack([0 * near, np.ones_like(near), 0 * near])
    occupancy = np.stack([np.ones_like(near), near if hidden_green else 0 * near])[:, None]
    return LDI(np.stack([front, behind]), np.stack([near, 0 * near])[:, None], occupancy)


def photo_of(ldi):
    return np.rint(ldi.color[0].transpose(1, 2, 0) * 255).astype(np.uint8)


def test_a_point_becomes_a_disk_of_the_same_light():
    color = np.ones((1, 3, 41, 41), np.float32)
    occupancy = np.zeros((1, 41, 41), np.float32)
    occupancy[0, 20, 20] = 1
    laid = blurred_slab(color, occupancy, np.zeros((1, 41, 41), np.int32), 0, 8.0)
    assert laid.sum(axis=(0, 1)) == pytest.approx(np.ones(4), abs=1e-4)
    distance = np.hypot(*(np.mgrid[:41, :41] - 20))
    inside, outside = laid[distance < 6.9, 3], laid[distance > 9.2, 3]
    assert inside == pytest.approx(np.full_like(inside, 1 / (np.pi * 8.25**2)), rel=0.02)
    assert np.abs(outside).max() < 1e-9


def test_other_slabs_stay_out_and_radius_0_changes_nothing():
    rng = np.random.default_rng(0)
    color, occupancy = rng.random((2, 3, 8, 9), np.float32), np.ones((2, 8, 9), np.float32)
    slabs = np.stack([np.arange(72).reshape(8, 9) % 2, np.full((8, 9), 5)]).astype(np.int32)
    laid = blurred_slab(color, occupancy, slabs, 1, 0.0)
    assert np.array_equal(laid[..., 3], slabs[0] == 1)
    assert laid[..., :3] == pytest.approx(color[0].transpose(1, 2, 0) * (slabs[0] == 1)[..., None])


def test_where_the_focus_is_the_photo_keeps_every_pixel():
    ldi = halves()
    noise = np.random.default_rng(1).integers(0, 40, (2 * HEIGHT, 2 * WIDTH, 3))
    photo = np.clip(photo_of(ldi).repeat(2, 0).repeat(2, 1) - noise, 0, 255).astype(np.uint8)
    small = np.asarray(Image.fromarray(photo).resize((WIDTH, HEIGHT), Image.Resampling.BOX))
    color = np.stack([small.transpose(2, 0, 1) / np.float32(255), ldi.color[1]])
    still = refocused(photo, LDI(color, ldi.disparity, ldi.occupancy), Refocus(0.9, 0.5, 10)).astype(int)
    assert np.abs(still[:, 130:] - photo[:, 130:]).max() <= 1
    # Out of focus the noise is averaged away.
    assert still[20:-20, 20:60, 0].std() < 0.3 * photo[20:-20, 20:60, 0].std()


def test_the_blurred_edge_in_front_shows_the_hidden_layer():
    """Focus on the wall: the near half's edge is half transparent, and what shines through is green."""
    still = refocused(photo_of(halves()), halves(), Refocus(0.9, 0.5, 10)).astype(float) / 255
    light = still**GAMMA
    row = light[32]
    # Blur radius: 10 % of 96 px / 2 = 4.8 px. At the edge half of the disk is red.
    assert row[47, 0] == pytest.approx(0.5, abs=0.12)
    assert row[44, 1] > 0.02 and row[44, 2] < 0.02  # left of the edge: hidden green, never the wall's blue
    assert row[51, 2] > 0.3 and row[51, 1] < 0.02  # right of it: the wall as it is
    assert (row.sum(axis=1) > 0.9).all()  # no dark seam
    assert row[:40, 0].min() > 0.98 and row[56:, 2].min() > 0.98


def test_with_the_focus_in_front_its_edge_is_crisp():
    still = refocused(photo_of(halves()), halves(), Refocus(0.1, 0.5, 10))
    assert (still[8:-8, :47, 0] == 255).all() and (still[8:-8, :47, 2] == 0).all()
    assert (still[8:-8, 49:, 0] == 0).all()  # nothing of the foreground bleeds into the blurred wall


def test_a_slope_gets_no_seams():
    ramp = np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))
    ldi = LDI(
        np.full((1, 3, HEIGHT, WIDTH), 0.5, np.float32), ramp[None, None], np.ones_like(ramp)[None, None]
    )
    still = refocused(photo_of(ldi), ldi, Refocus(0.5, 0.5, 10))
    assert np.abs(still.astype(int) - 128).max() <= 1


def test_the_focus_is_the_median_around_the_point():
    ldi = halves()
    assert (focus_at(ldi, 0, 0), focus_at(ldi, 1, 1), focus_at(ldi, 0.25, 0.5)) == (1, 0, 1)


@pytest.mark.parametrize(
    "text", ["", "0.5", "a,b", "0.5,nan", "1,2,3,4", "1.2,0", "-0.1,0", "0,0,0", "0,0,11"]
)
def test_bad_points_are_refused(text):
    with pytest.raises(InputError):
        parse_refocus(text)


def test_points_with_and_without_an_aperture():
    assert parse_refocus("0.25, 1") == Refocus(0.25, 1.0, 3.0)
    assert parse_refocus("0,0.5,7.5") == Refocus(0.0, 0.5, 7.5)
