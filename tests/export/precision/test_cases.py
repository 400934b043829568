import pytest
import torch
from ldikit.export.precision import cases
from ldikit.export.precision.cases import judged_on


def ramp() -> torch.Tensor:
    """Six rows and twelve columns that rise to the right by 1."""
    return torch.arange(12.0).expand(1, 3, 6, 12)


def test_photos_come_first_then_mirrored_then_their_middle() -> None:
    found = dict(judged_on([("a", ramp()), ("b", ramp() + 1)]))
    assert list(found) == ["a", "b", "a mirrored", "b mirrored", "a middle", "b middle"]
    assert torch.equal(found["a"], ramp())
    assert found["b mirrored"][0, 0, 3].tolist() == [12.0 - x for x in range(12)]
    # Columns 2 to 9 over twelve pixels: pixel x of the result lies at 2 + (x + 0.5)·8/12 − 0.5.
    middle = found["a middle"][0, 1, 2]
    assert middle.shape == (12,)
    assert middle[1:-1].tolist() == pytest.approx([2 + (x + 0.5) * 8 / 12 - 0.5 for x in range(1, 11)])


def test_many_photos_are_not_made_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "MOST_CASES", 3)
    two = [("a", ramp()), ("b", ramp())]
    assert [name for name, _ in judged_on(two)] == ["a", "b", "a mirrored"]
    assert [name for name, _ in judged_on(two * 2)] == ["a", "b", "a", "b"]
