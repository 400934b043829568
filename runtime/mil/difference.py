"""Two programs on the same input: how far their outputs part, and at which operation they begin to."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...reference.errors import InputError
from ..parity.scores import decibels
from .inputs import new_state
from .model import MilModel
from .program import Operation

_HALF = "_cast_fp16"
_MOST_TAPPED = 2**27
"""Elements of inner values kept at once of each program (512 MiB); for more it runs several times."""


@dataclass(frozen=True)
class Difference:
    """How far two values of one name are apart.

    Attributes:
        name: of the value.
        max_abs: the greatest |a - b|; infinite where the shapes differ, or one is not finite alone.
        relative: `max_abs` over the greatest |a| (over the greatest |b| where a is all zeros).
        sqnr_db: 10·log₁₀(Σa² / Σ(a-b)²), within ±200; NaN where a value is not finite.
        note: what keeps them from being compared by number, or "".
    """

    name: str
    max_abs: float
    relative: float
    sqnr_db: float
    note: str = ""

    def beyond(self, tolerance: float) -> bool:
        """Whether the relative difference exceeds the tolerance."""
        return not self.relative <= tolerance

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a number that is not finite as a string."""
        return {k: v if isinstance(v, str) or math.isfinite(v) else str(v) for k, v in asdict(self).items()}


def as_array(value: Any) -> np.ndarray:
    """A result as numbers: probabilities in the order of their labels' text, a label as an array of it."""
    if isinstance(value, dict):
        return np.array([value[key] for key in sorted(value, key=str)], np.float64)
    return np.asarray(value)


def difference(name: str, a: Any, b: Any) -> Difference:
    """Compare two values, the first being the reference; equal infinities and two NaNs do not differ."""
    x, y = as_array(a), as_array(b)
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() != b.keys():
        return Difference(name, math.inf, math.inf, math.nan, "other labels")
    if x.shape != y.shape:
        note = f"shape {list(x.shape)} against {list(y.shape)}"
        return Difference(name, math.inf, math.inf, math.nan, note)
    if x.dtype.kind not in "fiub" or y.dtype.kind not in "fiub":
        if np.array_equal(x, y):
            return Difference(name, 0.0, 0.0, decibels(0, 0))
        return Difference(name, math.inf, math.inf, math.nan, f"{a!r} against {b!r}"[:80])
    x, y = x.astype(np.float64).ravel(), y.astype(np.float64).ravel()
    both = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(x[~both], y[~both], equal_nan=True):
        count = int(np.count_nonzero(~both))
        return Difference(name, math.inf, math.inf, math.nan, f"{count} values are not finite in both alike")
    finite = x[both]
    error = np.abs(finite - y[both])
    worst = float(error.max(initial=0))
    span = float(np.abs(finite).max(initial=0)) or float(np.abs(y[both]).max(initial=0))
    sqnr = decibels(float(finite @ finite), float(error @ error)) if both.all() else math.nan
    return Difference(name, worst, worst / span if worst else 0.0, sqnr)


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Compare the values of every name of `a`; one that `b` has not is infinitely far off."""
    return [
        difference(name, value, b[name])
        if name in b
        else Difference(name, math.inf, math.inf, math.nan, "only in the first")
        for name, value in a.items()
    ]


@dataclass(frozen=True)
class Parting:
    """The first operation at which two programs part.

    Attributes:
        operation: its type in the first program.
        place: how many operations of the first program's main block run before it.
        difference: how far its output is off.
    """

    operation: str
    place: int
    difference: Difference


@dataclass(frozen=True)
class Comparison:
    """What came of comparing two programs, or a program with stored outputs.

    Attributes:
        outputs: of every output of the first, in its order.
        tolerance: the relative difference that was admitted.
        matched: how many values inside the programs were compared.
        parting: the first operation beyond the tolerance, if any.
    """

    outputs: tuple[Difference, ...]
    tolerance: float
    matched: int = 0
    parting: Parting | None = None

    @property
    def parted(self) -> bool:
        """Whether an output is beyond the tolerance."""
        return any(output.beyond(self.tolerance) for output in self.outputs)


def compare(a: MilModel, b: MilModel, inputs: Mapping[str, Any], tolerance: float) -> Comparison:
    """Run two programs on one input, fp16 rounded once after each operation, and compare what is in both.

    Values inside are matched by name: outputs of operations of both main blocks, except of those that only
    decompress weights. The suffix that coremltools adds to a value that it turns to fp16 does not count.

    Args:
        a: the reference.
        b: what is judged.
        inputs: for both, as `MilModel.predict` takes it.
        tolerance: the relative difference (`Difference.relative`) that is no parting.

    Raises:
        InputError: the programs have no output of one name, or one does not take the inputs.
    """
    names_a, names_b = ({feature.name for feature in model.outputs} for model in (a, b))
    if not names_a & names_b:
        raise InputError(
            f"{a.path} and {b.path} have no output of one name: "
            f"{', '.join(sorted(names_a))} against {', '.join(sorted(names_b))}"
        )
    runs = [model.predict(dict(inputs), state=new_state(model)) for model in (a, b)]
    outputs = differences(runs[0], runs[1])
    outputs += [
        Difference(name, math.inf, math.inf, math.nan, "only in the second")
        for name in runs[1].keys() - names_a
    ]
    matches = _matched(a, b)
    parting = _first(a, b, inputs, matches, tolerance)
    return Comparison(tuple(outputs), tolerance, len(matches), parting)


def _values(model: MilModel) -> Iterator[tuple[str, int, Operation]]:
    for place, operation in enumerate(model.function.operations):
        if not operation.kind.startswith("constexpr_"):
            for value in operation.outputs:
                if value.type.holder == "tensor" and value.type.dtype.kind != "string":
                    yield value.name, place, operation


@dataclass(frozen=True)
class _Match:
    """A value that is in both programs: its names, and what makes it in the first."""

    names: tuple[str, str]
    place: int
    operation: Operation

    @property
    def size(self) -> int:
        """Its elements; an open size may be anything, so that such a value is given a run of its own."""
        shape = next(v.type.shape for v in self.operation.outputs if v.name == self.names[0])
        return (
            _MOST_TAPPED if shape is None or None in shape else math.prod(s for s in shape if s is not None)
        )


def _matched(a: MilModel, b: MilModel) -> list[_Match]:
    """The values in both, in the order of the first."""
    exact = {name for name, _, _ in _values(b)}
    bare = {name.removesuffix(_HALF): name for name in exact}
    found = []
    for name, place, operation in _values(a):
        there = name if name in exact else bare.get(name.removesuffix(_HALF))
        if there is not None:
            found.append(_Match((name, there), place, operation))
    return found


def _groups(matches: list[_Match]) -> Iterator[list[_Match]]:
    """Values, in order, that may be kept at once."""
    group: list[_Match] = []
    size = 0
    for match in matches:
        if group and size + match.size > _MOST_TAPPED:
            yield group
            group, size = [], 0
        group.append(match)
        size += match.size
    if group:
        yield group


def _first(
    a: MilModel, b: MilModel, inputs: Mapping[str, Any], matches: list[_Match], tolerance: float
) -> Parting | None:
    for group in _groups(matches):
        runs = [
            model.predict(dict(inputs), taps=tuple(match.names[i] for match in group), state=new_state(model))
            for i, model in enumerate((a, b))
        ]
        for match in group:
            name, there = match.names
            found = difference(name, runs[0][name], runs[1][there])
            if found.beyond(tolerance):
                return Parting(match.operation.kind, match.place, found)
    return None
