import math

import pytest
import torch
from ldikit.export.precision.noise import rank_by_noise
from ldikit.reference.quantized.recipe import ActivationScale, NetworkRecipe
from ldikit.reference.quantized.trace import trace
from torch import nn


class Two(nn.Module):
    """Two pointwise layers and one on the way out."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 1, 1)
        self.second = nn.Conv2d(1, 1, 1)
        self.head = nn.Conv2d(1, 1, 1)
        self.first.weight.data[0, :, 0, 0] = torch.tensor([1.0, -2.0, 0.6])
        self.second.weight.data.fill_(3.0)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.second(self.first(photo)))
        return result


def test_noise_worked_out_by_hand() -> None:
    graph = trace(Two().eval(), "depth", 32, 32)
    activations = {
        "input/photo": ActivationScale(0.01, -128, 0.0, 2.55, "given"),
        "first": ActivationScale(0.1, 0, -10.0, 10.0, "given"),
        "second": ActivationScale(0.5, 0, -40.0, 60.0, "given"),
    }
    # The weights of `first` become 1, −2 and 1; that of `second` is exact.
    recipe = NetworkRecipe(activations, {"first": (1.0,), "second": (3.0,)}, {})
    ranked = rank_by_noise(graph, recipe)
    assert [noise.layer for noise in ranked] == ["first", "second"]
    first, second = ranked
    assert first.weight_sqnr_db == pytest.approx(10 * math.log10(5.36 / 0.16), abs=1e-4)
    assert first.from_input == pytest.approx(1e-4 / 12 * 5.36, rel=1e-5)
    assert first.from_weight == pytest.approx(0.16 * 2.55**2 / 3, rel=1e-5)
    assert first.from_output == pytest.approx(0.01 / 12)
    total = first.from_input + first.from_weight + first.from_output
    assert first.relative_db == pytest.approx(10 * math.log10(total / 20**2))
    assert second.weight_sqnr_db == math.inf
    assert second.from_weight == 0
    assert second.relative_db == pytest.approx(10 * math.log10((0.01 / 12 * 9 + 0.25 / 12) / 100**2))
