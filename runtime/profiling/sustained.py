"""Sustained speed: one candidate without a pause for a minute, as a phone that warms up."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .timing import DRIFT_SHARE

MINUTE_S = 60.0
WINDOWS = 6


@dataclass(frozen=True)
class Sustained:
    """One candidate that ran without a pause.

    Attributes:
        name, threads: which.
        seconds: how long.
        runs: how often in all.
        windows_ms: the median of every sixth of the time; where no run ended in one, of that before.
        slowdown: the last over the first, − 1.
        flagged: it slowed down by more than `DRIFT_SHARE`.
    """

    name: str
    threads: int
    seconds: float
    runs: int
    windows_ms: tuple[float, ...]
    slowdown: float
    flagged: bool


def sustain(
    name: str,
    threads: int,
    call: Callable[[], float],
    seconds: float = MINUTE_S,
    clock: Callable[[], float] = time.monotonic,
) -> Sustained:
    """Run a candidate again and again.

    Args:
        name, threads: of the candidate, for the result.
        call: runs once and returns its milliseconds.
        seconds: how long; at least one run is made.
        clock: seconds; replaced in tests.
    """
    start = clock()
    windows: list[list[float]] = [[] for _ in range(WINDOWS)]
    runs = 0
    while True:
        ms = call()
        spent = clock() - start
        runs += 1
        windows[min(int(spent / seconds * WINDOWS), WINDOWS - 1)].append(ms)
        if spent >= seconds:
            break
    medians: list[float] = []
    for window in windows:
        if window:
            medians.append(float(np.median(window)))
        elif medians:
            medians.append(medians[-1])
    slowdown = medians[-1] / medians[0] - 1
    return Sustained(name, threads, seconds, runs, tuple(medians), slowdown, slowdown > DRIFT_SHARE)
