"""What a mask marks lies on one plane, too flat to tear; what it does not mark stays."""

import numpy as np
import pytest
import torch
from ldikit.reference.config import LayeringConfig
from ldikit.reference.errors import InputError
from ldikit.reference.layering.one_layer import MOST_PATCHES, hold_on_one_layer
from ldikit.reference.layering.soft import SoftLayering

HEIGHT, WIDTH, SLOPE = 96, 128, 0.5 / (0.05 * 128)


def window():
    """A slanted wall with a window whose depth is torn, and where it is."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    wall = (0.3 + 0.002 * x + 0.001 * y).astype(np.float32)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:70, 30:90] = True
    torn = np.where(mask & ((x // 7 + y // 9) % 2 == 0), np.float32(0.05), wall)
    return wall, torn, mask


def test_the_plane_around_goes_on_inside():
    wall, torn, mask = window()
    held = hold_on_one_layer(torn, mask, SLOPE)
    assert held.dtype == np.float32
    assert np.array_equal(held[~mask], torn[~mask])
    assert np.abs(held - wall)[mask].max() < 0.02  # the percentiles of the rim clip its last corners
    assert np.abs(held - wall)[30:60, 40:80].max() < 1e-4


def test_something_in_front_of_the_rim_does_not_count():
    wall, torn, mask = window()
    torn[65:, 35:60] = 0.95  # a head before the window's lower edge, an eighth of the rim
    held = hold_on_one_layer(torn, mask, SLOPE)
    assert np.abs(held - wall)[30:60, 40:80].max() < 0.01


def test_no_layer_tears_inside():
    _, torn, mask = window()
    torn[~mask] += 0.2 * (np.mgrid[:HEIGHT, :WIDTH][1][~mask] > 60)  # a step that runs under the mask
    layering = SoftLayering(LayeringConfig(), WIDTH)
    assert layering.slope == pytest.approx(SLOPE)

    def hidden(plane):
        gap = layering(torch.from_numpy(plane)[None, None])
        return gap[2][0, 0].numpy(), layering.visibility(torch.from_numpy(plane)[None, None])[0, 0].numpy()

    inner = np.zeros_like(mask)
    inner[30:60, 40:80] = True
    occupancy, visibility = hidden(torn)
    assert occupancy[inner].max() > 0.5
    occupancy, visibility = hidden(hold_on_one_layer(torn, mask, SLOPE))
    assert occupancy[inner].max() == 0 and visibility[inner].min() == 1


def test_a_steep_surrounding_gives_no_steep_plane():
    x = np.mgrid[:HEIGHT, :WIDTH][1]
    steep = np.clip((x - 30) / 40, 0, 1).astype(np.float32)  # 0.025 a pixel
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:70, 40:60] = True
    held = hold_on_one_layer(steep, mask, 0.01)
    rows, columns = (np.abs(np.diff(held, axis=axis)) for axis in (0, 1))
    assert columns[20:70, 40:59].max() <= 0.0091 and rows[20:69, 40:60].max() <= 0.0091
    assert held.min() >= 0 and held.max() <= 1


def test_each_patch_has_its_own_plane_even_at_the_border():
    plane = np.full((HEIGHT, WIDTH), 0.2, np.float32)
    plane[:, 64:] = 0.8
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:40, :20] = mask[10:40, 100:] = True
    torn = np.where(mask, np.float32(0.5), plane)
    assert np.allclose(hold_on_one_layer(torn, mask, SLOPE), plane, atol=1e-6)


def test_a_mask_of_noise_is_refused():
    dots = np.zeros((HEIGHT, WIDTH), bool)
    dots[::2, ::2] = True
    assert dots.sum() > MOST_PATCHES
    with pytest.raises(InputError, match="separate patches"):
        hold_on_one_layer(np.zeros((HEIGHT, WIDTH), np.float32), dots, SLOPE)
