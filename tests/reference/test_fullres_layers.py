"""Full resolution: layer 0 is the photo, edges are crisp and where the photo has them, order always holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.reference.config import LayeringConfig
from ldikit.reference.errors import InputError
from ldikit.reference.fullres import as_ldi, full_resolution
from ldikit.reference.fullres.files import fill_folder
from ldikit.reference.fullres.neighbours import largest_around, smallest_around
from ldikit.reference.layering.visibility import soft_visibility
from ldikit.reference.ldi import LDI
from ldikit.reference.ldi_files import read_ldi

FAR, NEAR = np.float32(0.2), np.float32(0.8)


def single(disparity):
    """An LDI of one layer."""
    plane = np.asarray(disparity, np.float32)[None, None]
    return LDI(np.zeros((1, 3, *plane.shape[2:]), np.float32), plane, np.ones_like(plane))


def slanted(height, width):
    """True where a slanted edge has the near side."""
    y, x = np.mgrid[:height, :width]
    return (x + 0.5) / width + 0.4 * (y + 0.5) / height > 0.72


def small_and_photo(factor=8, height=24, width=32):
    """A disparity averaged down from a slanted edge, and a photo with that edge in colour."""
    near = slanted(height * factor, width * factor)
    fine = np.where(near, NEAR, FAR).astype(np.float32)
    small = fine.reshape(height, factor, width, factor).mean(axis=(1, 3))
    photo = np.where(near[..., None], (200, 80, 40), (60, 110, 180)).astype(np.uint8)
    return small.astype(np.float32), photo, fine


def test_edges_are_crisp_and_where_the_photo_has_them():
    small, photo, fine = small_and_photo()
    layer = next(full_resolution(photo, single(small), LayeringConfig(max_parallax=0.5)))
    error = np.abs(layer.disparity - fine)
    between = (layer.disparity > FAR + 0.05) & (layer.disparity < NEAR - 0.05)
    assert between.mean() < 1e-3  # of a band that would be 8 pixels wide if it were interpolated
    assert (error > 0.05).mean() < 2e-3
    assert np.array_equal(layer.color, photo)
    assert (layer.occupancy > 250).mean() > 0.999


def test_without_colour_edges_the_contour_is_smooth_and_crisp():
    small, photo, fine = small_and_photo()
    layer = next(full_resolution(np.full_like(photo, 128), single(small), LayeringConfig(max_parallax=0.5)))
    between = (layer.disparity > FAR + 0.05) & (layer.disparity < NEAR - 0.05)
    assert between.mean() < 0.01
    # The edge crosses a row once, within two pixels of the truth: no stairs of 8 pixels.
    steps = np.diff((layer.disparity > 0.5).astype(int), axis=1)
    inner = slice(16, -16)
    assert (np.abs(steps).sum(axis=1)[inner] == 1).mean() > 0.97
    found, true = steps.argmax(axis=1)[inner], np.diff((fine > 0.5).astype(int), axis=1).argmax(axis=1)[inner]
    assert np.abs(found - true).max() <= 2


def test_a_slope_is_interpolated_whatever_the_photo_shows():
    ramp = np.linspace(0, 1, 32, dtype=np.float32)  # 0.032 a sample; s is 0.5 / (0.05 · 32) = 0.31
    photo = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    layer = next(full_resolution(photo, single(np.tile(ramp, (24, 1)))))
    at = np.clip((np.arange(128) + 0.5) / 4 - 0.5, 0, 31)
    assert np.abs(layer.disparity - at / 31).max() < 1e-6
    assert (layer.occupancy == 255).all()


def test_the_programs_own_size_changes_nothing_on_smooth_surfaces():
    y, x = np.mgrid[:40, :56] / 56
    plane = (0.5 + 0.2 * np.sin(5 * x) * np.cos(4 * y)).astype(np.float32)
    photo = np.zeros((40, 56, 3), np.uint8)
    layer = next(full_resolution(photo, single(plane)))
    assert np.abs(layer.disparity - plane).max() < 1e-6


def test_visibility_of_layer_0_is_that_of_the_program():
    import torch

    rng = np.random.default_rng(2)
    plane = rng.random((33, 47), dtype=np.float32)
    config = LayeringConfig(max_parallax=0.2)
    slope = 0.5 / (0.2 * 47)
    photo = np.zeros((33, 47, 3), np.uint8)
    layer = next(full_resolution(photo, single(plane), config, detail=plane))
    expected = soft_visibility(
        torch.from_numpy(plane)[None, None], config.visibility_start * slope, config.visibility_end * slope
    )[0, 0].numpy()
    assert np.abs(layer.occupancy - 255 * expected).max() <= 0.51
    assert 0 < (layer.occupancy < 128).mean() < 1


def random_ldi(seed, height, width, layers=3):
    """A valid LDI of random blocks: hidden layers behind the one in front where they are occupied."""
    rng = np.random.default_rng(seed)

    def blocks(values):
        tall, wide = height // values.shape[0] + 1, width // values.shape[1] + 1
        return np.kron(values, np.ones((tall, wide)))[:height, :width]

    disparity, occupancy = [blocks(rng.random((3, 4)))], [np.ones((height, width))]
    for _ in range(layers - 1):
        share = blocks(rng.integers(0, 2, (2, 3)))
        occupancy.append(share * rng.random())
        disparity.append(disparity[-1] * np.where(share > 0, rng.uniform(0.3, 0.9), 1.0))
    color = rng.random((layers, 3, height, width), dtype=np.float32)
    planes = (np.stack(p)[:, None].astype(np.float32) for p in (disparity, occupancy))
    return LDI(color, *planes)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    parallax=st.sampled_from([0.02, 0.05, 0.3]),
)
def test_any_size_gives_a_valid_ldi(seed, height, width, parallax):
    ldi = random_ldi(seed, 18, 24)
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    made = as_ldi(full_resolution(photo, ldi, LayeringConfig(max_parallax=parallax)))
    made.check(photo.transpose(2, 0, 1) / np.float32(255))
    assert made.layers == 3 and made.size == (height, width)


def test_hidden_layers_follow_a_front_that_moved():
    """Where the photo puts the near edge further out, what is hidden there is taken from just beside."""
    small = np.full((12, 16), FAR)
    small[:, 8:] = NEAR
    hidden, share = np.full((12, 16), FAR), np.zeros((12, 16), np.float32)
    share[:, 8:12] = 1
    color = np.zeros((2, 3, 12, 16), np.float32)
    color[1, 1] = 0.6
    ldi = LDI(color, np.stack([small, hidden])[:, None], np.stack([np.ones_like(share), share])[:, None])
    detail = np.full((96, 128), FAR)
    detail[:, 60:] = NEAR  # 4 pixels, half a sample, further out than in the LDI
    photo = np.zeros((96, 128, 3), np.uint8)
    front, behind = full_resolution(photo, ldi, LayeringConfig(max_parallax=0.5), detail=detail)
    assert np.array_equal(front.disparity, detail)
    assert (behind.occupancy[:, :60] == 0).all()
    assert (behind.occupancy[:, 60:90] > 230).all()
    assert (behind.color[:, 60:90] == (0, 153, 0)).all()
    assert (behind.occupancy[:, 104:] == 0).all()


def test_threads_do_not_change_a_bit():
    ldi = random_ldi(5, 18, 24)
    photo = np.random.default_rng(5).integers(0, 256, (300, 400, 3), np.uint8)
    one, three = (as_ldi(full_resolution(photo, ldi, workers=n)) for n in (1, 3))
    for name in ("color", "disparity", "occupancy"):
        assert np.array_equal(getattr(one, name), getattr(three, name))


def test_what_is_written_is_read_back_valid(tmp_path):
    ldi = random_ldi(7, 18, 24)
    photo = np.random.default_rng(7).integers(0, 256, (60, 80, 3), np.uint8)
    layers = list(full_resolution(photo, ldi, LayeringConfig(max_parallax=0.3)))
    fill_folder(tmp_path, iter(layers), 3)
    back = read_ldi(tmp_path)
    back.check(photo.transpose(2, 0, 1) / np.float32(255))
    for index, layer in enumerate(layers):
        assert np.array_equal(np.rint(back.occupancy[index, 0] * 255), layer.occupancy)
        # Half a code, and one code more where it was pushed behind the layer in front.
        assert np.abs(back.disparity[index, 0] - layer.disparity).max() <= 2 / 65535


def test_largest_and_smallest_around_by_their_definition():
    plane = np.random.default_rng(0).random((7, 9))
    for radius in (0, 1, 2, 9):
        for y, x in ((0, 0), (3, 4), (6, 8), (2, 8)):
            window = plane[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
            assert largest_around(plane, radius)[y, x] == window.max()
            assert smallest_around(plane, radius)[y, x] == window.min()


@pytest.mark.parametrize(
    ("photo", "detail"),
    [
        (np.zeros((8, 8), np.uint8), None),
        (np.zeros((8, 8, 3), np.float32), None),
        (np.zeros((0, 8, 3), np.uint8), None),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9), np.float32)),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8))),
    ],
)
def test_refuses_other_shapes_and_types(photo, detail):
    with pytest.raises(InputError, match="must be"):
        next(full_resolution(photo, single(np.full((8, 8), 0.5)), detail=detail))
