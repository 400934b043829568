"""The steepening of soft steps, against values worked out by hand and its own promises."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ldikit.reference.depth.refine import EdgeRefinement
from ldikit.reference.depth.steepen import STEEPER, STEP_END, STEP_START, Steepening, steeper
from torch.nn import functional as F


def _row(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


def _plane(seed: int, height: int = 24, width: int = 40) -> torch.Tensor:
    return torch.rand((1, 1, height, width), generator=torch.Generator().manual_seed(seed))


def test_one_round_by_hand() -> None:
    """Three pixels to each side: where 0 and 1 are in sight, 0.4 goes to 0.5 − 3 · 0.1; 0.7 sees 0.2 to 1."""
    steep = steeper(_row(0.0, 0.0, 0.0, 0.2, 0.4, 0.5, 0.7, 1.0, 1.0, 1.0))
    expected = [0.0, 0.0, 0.0, 0.0, 0.2, 0.5, 0.9, 1.0, 1.0, 1.0]
    assert steep.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_a_difference_half_way_up_the_ramp_is_steepened_by_half() -> None:
    span = (STEP_START + STEP_END) / 2
    steep = steeper(_row(0.0, 0.0, 0.0, 0.4 * span, span, span, span))
    assert float(steep[0, 0, 0, 3]) == pytest.approx((0.4 + 0.5 + STEEPER * -0.1) / 2 * span, abs=1e-6)


def test_small_differences_and_even_slopes_stay() -> None:
    """A surface keeps its shape; only at the ends of a slope is a pixel not the middle of its window."""
    shallow = STEP_START * _plane(1)
    assert torch.equal(steeper(shallow), shallow)
    slope = torch.linspace(0.0, 1.0, 21).view(1, 1, 1, -1).expand(1, 1, 16, 21)
    torch.testing.assert_close(steeper(slope)[..., 3:-3], slope[..., 3:-3])


@given(st.integers(0, 2**16))
def test_no_value_leaves_the_range_around_it(seed: int) -> None:
    """Against the largest and least of 7×7 pixels as the library finds them."""
    plane = _plane(seed)
    steep = steeper(plane)
    largest = F.max_pool2d(plane, 7, stride=1, padding=3)
    least = -F.max_pool2d(-plane, 7, stride=1, padding=3)
    assert bool((steep <= largest + 1e-6).all())
    assert bool((steep >= least - 1e-6).all())


@given(st.integers(0, 2**16), st.floats(1e-4, 1e-2))
def test_an_error_grows_six_times_at_most_in_a_round(seed: int, size: float) -> None:
    """Twice `STEEPER` less 1 by the slope and the middle, and 1 more by the ramp; whatever the plane."""
    plane = _plane(seed)
    change = steeper(plane + size * (2.0 * _plane(seed + 1) - 1.0)) - steeper(plane)
    assert float(change.abs().max()) <= 2 * STEEPER * size + 1e-6


def test_a_soft_step_becomes_a_step_between_neighbours_on_the_photo_s_edge() -> None:
    """24 pixels wide, off the edge by 4, before a photo of two colours."""
    column = torch.arange(128.0)
    photo = (column >= 64).float().view(1, 1, 1, 128).expand(1, 3, 32, 128)
    soft = ((column - 48) / 24).clamp(0.0, 1.0).view(1, 1, 1, 128).expand(1, 1, 32, 128)
    gathered = EdgeRefinement()(photo, soft)
    steps = Steepening()(photo, gathered)[0, 0, 16].diff()
    assert int(steps.argmax()) == 63
    assert float(gathered[0, 0, 16].diff().max()) < 0.45
    assert float(steps.max()) > 0.8


def test_a_level_plane_stays() -> None:
    photo = torch.rand((1, 3, 24, 40), generator=torch.Generator().manual_seed(3))
    level = torch.full((1, 1, 24, 40), 0.3)
    torch.testing.assert_close(Steepening()(photo, level), level)
