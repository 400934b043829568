"""Interleaved timing: every candidate once a round, the order rotated, until the time is spent.

Measured one after the other, a candidate also pays for what the machine did meanwhile (heat, a neighbour's
work). Measured in turn, all pay alike, and a ratio of two candidates within one round is worth more than
either number.
"""

import math
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
# Of the interval of a median.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Latency:
    """Warm latency of one candidate, in milliseconds.

    Percentiles are interpolated linearly between the samples: with `n` below 100, p99 leans on the slowest.

    Attributes:
        p50_low, p50_high: bounds of the median with a confidence of 95 % (`median_interval`); None where too
            few rounds were run to give any.
    """

    p50: float
    p90: float
    p99: float
    mean: float
    n: int
    p50_low: float | None = None
    p50_high: float | None = None


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
    low, high = median_interval(samples) or (None, None)
    return Latency(p50, p90, p99, float(np.mean(samples)), len(samples), p50_low=low, p50_high=high)


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Return the bounds of the median that hold with at least this confidence, whatever the distribution.

    They are two of the samples: how many of n lie below the true median is binomial with probability ½
    (David and Nagaraja, Order Statistics, 3rd edition, 7.1). The samples count as independent, so a drift
    makes the true confidence smaller: see `Drift`.

    Returns:
        the bounds in the unit of the samples, or None: fewer than 6 samples have none at 95 %.
    """
    ordered, n = sorted(samples), len(samples)
    below, rank = 0.0, 0
    while rank < n // 2:
        below += math.comb(n, rank) / 2.0**n
        if 2 * below > 1 - confidence:
            break
        rank += 1
    return (float(ordered[rank - 1]), float(ordered[n - rank])) if rank else None


def find_drift(samples: Sequence[float], limit: float = DRIFT_SHARE) -> Drift:
    """Compare the medians of the first and second half of the rounds (the middle one belongs to neither)."""
    half = len(samples) // 2
    first, second = float(np.median(samples[:half])), float(np.median(samples[-half:]))
    share = second / first - 1.0
    return Drift(first, second, share, abs(share) > limit)


def paired_ratio(samples: Sequence[float], reference: Sequence[float]) -> float:
    """Return the median over rounds of the ratio of two candidates: what drifts in both cancels out."""
    return float(np.median(np.asarray(samples) / np.asarray(reference)))
