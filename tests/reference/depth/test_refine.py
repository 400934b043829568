"""The refinement of soft disparity, against values worked out by hand and its own promises."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ldikit.reference.depth import refine
from ldikit.reference.depth.likeness import COLOR_SIGMA
from ldikit.reference.depth.refine import EdgeRefinement


def _planes(seed: int, height: int = 32, width: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    photo = torch.rand((1, 3, height, width), generator=generator)
    return photo, torch.rand((1, 1, height, width), generator=generator)


def test_one_pass_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three half-size pixels: the second is like the first, the third is as far as one sigma from it."""
    monkeypatch.setattr(refine, "SPACINGS", (1,))
    monkeypatch.setattr(refine, "upsample2", lambda plane: plane)
    grey = torch.tensor([0.5, 0.5, 0.5 + COLOR_SIGMA / math.sqrt(3)])
    photo = grey.repeat_interleave(2).view(1, 1, 1, 6).expand(1, 3, 2, 6)
    disparity = torch.tensor([0.0, 0.3, 0.9]).repeat_interleave(2).view(1, 1, 1, 6).expand(1, 1, 2, 6)
    like = math.exp(-0.5)
    expected = [0.3 / 2, (0.3 + 0.0 + like * 0.9) / (2 + like), (0.9 + like * 0.3) / (1 + like)]
    refined = EdgeRefinement()(photo, disparity)
    assert refined.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_a_soft_step_becomes_steep_where_the_photo_has_its_edge() -> None:
    """Away from the edge nothing changes; across it most of the step is now within four pixels."""
    column = torch.arange(256.0)
    photo = (column >= 128).float().view(1, 1, 1, 256).expand(1, 3, 32, 256)
    soft = ((column - 112) / 32).clamp(0.0, 1.0).view(1, 1, 1, 256).expand(1, 1, 32, 256)
    refined = EdgeRefinement()(photo, soft)[0, 0, 16]
    assert float(soft[0, 0, 16, 130] - soft[0, 0, 16, 125]) < 0.17
    assert float(refined[130] - refined[125]) > 0.5
    assert float(refined[0]) == pytest.approx(0.0, abs=1e-6)
    assert float(refined[255]) == pytest.approx(1.0, abs=1e-6)
    assert bool((refined.diff() >= -1e-6).all())


@given(st.integers(0, 2**16), st.floats(0.0, 1.0))
def test_a_level_plane_stays(seed: int, level: float) -> None:
    """The weights add up to 1, also at the frame."""
    photo, plane = _planes(seed)
    refined = EdgeRefinement()(photo, torch.full_like(plane, level))
    assert refined.flatten().tolist() == pytest.approx([level] * plane.numel(), abs=1e-6)


@given(st.integers(0, 2**16))
def test_an_error_never_grows(seed: int) -> None:
    """Gain at most 1 in the maximum norm, whatever the photo."""
    photo, plane = _planes(seed)
    error = 0.1 * (_planes(seed + 1)[1] - 0.5)
    change = EdgeRefinement()(photo, plane + error) - EdgeRefinement()(photo, plane)
    assert float(change.abs().max()) <= float(error.abs().max()) + 1e-6


def test_it_is_linear_in_disparity() -> None:
    photo, first = _planes(1)
    second = _planes(2)[1]
    refine_ = EdgeRefinement()
    torch.testing.assert_close(
        refine_(photo, 0.25 * first + 0.5 * second),
        0.25 * refine_(photo, first) + 0.5 * refine_(photo, second),
    )
