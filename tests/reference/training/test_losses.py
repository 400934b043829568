"""Losses: what they must not see, and values worked out by hand."""

import math

import pytest
import torch
from ldikit.reference.training.losses import aligned_l1, gradient_difference, ranking_loss, standard


def field(seed=0):
    return torch.rand(2, 1, 16, 24, generator=torch.Generator().manual_seed(seed))


def test_scale_and_shift_do_not_count():
    truth = field()
    assert aligned_l1(3 * truth + 5, truth) == pytest.approx(0.0, abs=1e-5)
    assert ranking_loss(3 * truth + 5, truth) < ranking_loss(1 - truth, truth)


def test_standard_planes_have_median_zero_and_spread_one():
    plane = standard(7 * field() - 3).flatten(1)
    assert plane.median(dim=1).values.tolist() == pytest.approx([0, 0], abs=1e-6)
    assert plane.abs().mean(1).tolist() == pytest.approx([1, 1], abs=1e-5)
    # A flat plane with a little noise is not blown up to spread 1.
    assert standard(0.5 + 1e-4 * field()).abs().max() < 0.01


def test_a_flat_prediction_is_charged_for_every_pair_alike():
    truth = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
    assert ranking_loss(torch.zeros_like(truth), truth).item() == pytest.approx(math.log(2), abs=1e-6)


def test_pairs_without_an_order_do_not_count():
    assert ranking_loss(field(), torch.full((2, 1, 16, 24), 0.5)).item() == 0.0


def test_a_single_step_counts_once_a_row_at_the_finest_scale():
    truth = torch.zeros(1, 1, 4, 4)
    prediction = truth.clone()
    prediction[..., 2:] = 1.0
    # One of three differences along every row is wrong by 1, none down.
    assert gradient_difference(prediction, truth, torch.ones_like(truth), scales=1).item() == pytest.approx(
        1 / 3
    )
