"""The tensor a program takes: shape, range, and resizing that neither aliases nor moves the picture."""

import numpy as np
from ldikit.reference.photo.resize import to_program


def test_same_size_is_exact() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    tensor = to_program(pixels, 64, 96)
    assert tensor.shape == (1, 3, 64, 96)
    assert tensor.dtype == np.float32 and tensor.flags.c_contiguous
    assert np.array_equal(tensor[0, 1, 5], pixels[5, :, 1].astype(np.float32) / 255)


def test_stripes_of_one_pixel_become_grey() -> None:
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[:, ::2] = 255
    tensor = to_program(pixels, 64, 64)
    assert np.abs(tensor[..., 4:-4] - 0.5).max() < 0.01  # at the border the filter has lost a side


def test_a_ramp_stays_where_it_is_and_in_range() -> None:
    ramp = np.repeat(np.linspace(0, 255, 400).round().astype(np.uint8)[None, :, None], 300, axis=0)
    tensor = to_program(np.repeat(ramp, 3, axis=2), 96, 128)
    centres = (np.arange(128) + 0.5) / 128 * 400 - 0.5  # pixel centres of the small picture in the large one
    assert np.abs(tensor[0, 0, 48, 4:-4] - centres[4:-4] / 399).max() < 2 / 255
    assert tensor.min() >= 0 and tensor.max() <= 1


def test_stretches_each_side_on_its_own_and_keeps_channels() -> None:
    pixels = np.zeros((50, 200, 3), np.uint8)
    pixels[:, :100, 0], pixels[:, 100:, 2] = 255, 255
    tensor = to_program(pixels[:, ::-1], 128, 64)  # a view with negative strides
    assert tensor.shape == (1, 3, 128, 64)
    assert (tensor[0, 2, :, :28] > 0.99).all() and (tensor[0, 0, :, 36:] > 0.99).all()
    assert (tensor[0, 1] == 0).all()
