"""Running a program and summing up what came out: ranges, finite shares, headroom."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .difference import Difference, as_array, differences
from .inputs import new_state
from .model import HALF_MAX, MilModel, RunStats


@dataclass(frozen=True)
class Figures:
    """What can be said of the values of one tensor in a line.

    Attributes:
        name: of the value.
        shape: its shape.
        low: the least finite value; None where there is none.
        high: the greatest finite value.
        mean: of the finite values.
        finite: the share of the values that are finite, 0 to 1.
    """

    name: str
    shape: tuple[int, ...]
    low: float | None
    high: float | None
    mean: float | None
    finite: float


def figures(name: str, value: Any) -> Figures:
    """Sum a result up; a classifier's probabilities count as an array, its label as nothing finite."""
    array = as_array(value)
    if array.dtype.kind not in "fiub":
        return Figures(name, array.shape, None, None, None, 0.0)
    kept = array[np.isfinite(array)]
    share = kept.size / array.size if array.size else 1.0
    if not kept.size:
        return Figures(name, array.shape, None, None, None, share)
    return Figures(
        name, array.shape, float(kept.min()), float(kept.max()), float(kept.mean(dtype=np.float64)), share
    )


@dataclass(frozen=True)
class Evaluation:
    """One run of a program.

    Attributes:
        precision: how fp16 was rounded.
        values: name → value of every output and tap.
        stats: what was noticed.
    """

    precision: str
    values: dict[str, Any]
    stats: RunStats

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a number that is not finite as a string."""
        return {
            "precision": self.precision,
            "values": [asdict(figures(name, value)) for name, value in self.values.items()],
            "peak": plain(self.stats.peak),
            "peak_name": self.stats.peak_name,
            "half_max": HALF_MAX,
            "overflows": list(self.stats.overflows),
        }


def plain(number: float) -> float | str:
    """A number as JSON can hold it."""
    return number if np.isfinite(number) else str(number)


def evaluate(
    model: MilModel, inputs: Mapping[str, Any], precision: str, taps: tuple[str, ...] = ()
) -> Evaluation:
    """Run a program once, from a state of zeros where it has states; see `MilModel.predict`."""
    values = model.predict(dict(inputs), precision, taps, new_state(model))
    assert model.stats is not None
    return Evaluation(precision, values, model.stats)


def rounding_difference(once: Evaluation, pessimistic: Evaluation) -> list[Difference]:
    """How far the two roundings of fp16 are apart, value by value."""
    return differences(once.values, pessimistic.values)
