"""Interleaved timing: every candidate once a round, the order rotated, until the time is spent.

Measured one after the other, a candidate also pays for what the machine did meanwhile (heat, a neighbour's
work). Measured in turn, all pay alike, and a ratio of two candidates within one round is worth more than
either number.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...reference.progress import track

# Below this many rounds there is no median to speak of, whatever the time budget says.
FEWEST_ROUNDS = 3
# Above, more rounds tell nothing new.
MOST_ROUNDS = 200
# Medians of the first and second half of the rounds that differ by more than this share are flagged.
DRIFT_SHARE = 0.10


@dataclass(frozen=True)
class Latency:
    """Warm latency of one candidate, in milliseconds.

    Percentiles are interpolated linearly between the samples: with `n` below 100, p99 leans on the slowest.
    """

    p50: float
    p90: float
    p99: float
    mean: float
    n: int


@dataclass(frozen=True)
class Drift:
    """Whether the machine changed while it was measured.

    Attributes:
        first_half_ms, second_half_ms: medians of the two halves of the rounds.
        share: second/first − 1.
        flagged: |share| is above `DRIFT_SHARE`.
    """

    first_half_ms: float
    second_half_ms: float
    share: float
    flagged: bool


def interleave(
    candidates: Mapping[str, Callable[[], float]],
    budget_s: float,
    clock: Callable[[], float] = time.monotonic,
    fewest: int = FEWEST_ROUNDS,
    most: int = MOST_ROUNDS,
) -> dict[str, list[float]]:
    """Run every candidate once a round and return its milliseconds, one a round.

    Round r starts at candidate r modulo their number, so that none always follows the same neighbour.

    Args:
        candidates: each runs once and returns how many milliseconds that took.
        budget_s: no round starts that would probably end later than this after the start; at least `fewest`
            rounds are run.
        clock: seconds; replaced in tests.
        fewest, most: bounds of the number of rounds.
    """
    names = list(candidates)
    samples: dict[str, list[float]] = {name: [] for name in names}
    if not names:
        return samples
    for index in track(_rounds(budget_s, clock, fewest, most), "Timing candidates in turn"):
        start = index % len(names)
        for name in names[start:] + names[:start]:
            samples[name].append(candidates[name]())
    return samples


def _rounds(budget_s: float, clock: Callable[[], float], fewest: int, most: int) -> Iterator[int]:
    """Count rounds for as long as another one of average length fits."""
    start = clock()
    for index in range(most):
        spent = clock() - start
        if index >= fewest and spent + spent / index > budget_s:
            return
        yield index


def summarise(samples: Sequence[float]) -> Latency:
    """Return the percentiles of one candidate's milliseconds."""
    p50, p90, p99 = (float(v) for v in np.percentile(samples, (50, 90, 99)))
    return Latency(p50, p90, p99, float(np.mean(samples)), len(samples))


def find_drift(samples: Sequence[float], limit: float = DRIFT_SHARE) -> Drift:
    """Compare the medians of the first and second half of the rounds (the middle one belongs to neither)."""
    half = len(samples) // 2
    first, second = float(np.median(samples[:half])), float(np.median(samples[-half:]))
    share = second / first - 1.0
    return Drift(first, second, share, abs(share) > limit)


def paired_ratio(samples: Sequence[float], reference: Sequence[float]) -> float:
    """Return the median over rounds of the ratio of two candidates: what drifts in both cancels out."""
    return float(np.median(np.asarray(samples) / np.asarray(reference)))
