import pytest
import torch
from ldikit.reference.quantized.affine import symmetric_scales
from ldikit.reference.quantized.grid import grid_step


def rounded(step: float, *, most: int = 127) -> torch.Tensor:
    """A weight (8, 6, 3, 3) of whole multiples of a step, in float32; −`most` in channel 0 alone."""
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(-100, 101, (8, 6, 3, 3), generator=generator)
    counts[0, 0, 0, 0] = -most
    return counts.float() * torch.tensor(step)


@pytest.mark.parametrize("step", [0.0415352061390876, 9.19e-5, 3.0])
def test_the_step_of_rounded_weights_is_found(step: float) -> None:
    assert grid_step(rounded(step)) == pytest.approx(step, rel=1e-6)
    assert grid_step(rounded(step) * (1 + 1e-7)) == pytest.approx(step, rel=1e-6)


def test_other_weights_have_none() -> None:
    weight = rounded(0.01)
    assert grid_step(torch.randn(8, 6, 3, 3, generator=torch.Generator().manual_seed(0))) is None
    assert grid_step(torch.zeros(4, 4)) is None
    weight[3, 3, 1, 1] += 0.004
    assert grid_step(weight) is None
    # Fifteen magnitudes are too few to tell.
    assert grid_step(torch.arange(-15.0, 16.0)) is None and grid_step(torch.arange(-16.0, 17.0)) == 1.0


def test_rounded_weights_are_rounded_no_second_time() -> None:
    weight = rounded(0.01)
    scales = symmetric_scales(weight)
    assert scales.tolist() == pytest.approx([0.01] * 8)
    counts = weight / scales.view(-1, 1, 1, 1)
    torch.testing.assert_close(counts, counts.round(), atol=1e-4, rtol=0)


def test_a_channel_keeps_its_step_with_minus_128_and_not_with_128() -> None:
    weight = rounded(0.01, most=128)
    assert symmetric_scales(weight).tolist() == pytest.approx([0.01] * 8)
    assert symmetric_scales(-weight).tolist() == pytest.approx([1.28 / 127, *[0.01] * 7])
