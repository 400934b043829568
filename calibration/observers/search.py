"""Search for the range of least cost: both ends on a grid, then on a finer one around the best."""

from collections.abc import Callable, Iterable

from .protocol import Range

COARSE = 32
"""Steps from 0 to each end of the data on the first grid."""
FINE = 8
"""Steps between two of the coarse grid's on the second."""


def cheapest_range(data: Range, cost: Callable[[float, float], float]) -> Range:
    """Return the range within the data's whose cost is least; of equal ones the widest.

    An end is clipped towards 0 by multiples of 1/32 of its distance from it, then of 1/256. An end on the far
    side of 0 from all data (low where nothing is negative) is not clipped: int8's range has to contain 0, so
    that would gain nothing.

    Args:
        data: least and largest value.
        cost: of a range (low, high).
    """
    finest = COARSE * FINE
    whole = range(finest, 0, -FINE)
    low, high = _best(data, whole, whole, cost)
    return Range(*_ends(data, *_best(data, _around(low), _around(high), cost)))


def _around(best: int) -> range:
    """Return the finer steps next to a coarse one, widest first."""
    return range(min(best + FINE, COARSE * FINE + 1) - 1, max(best - FINE, 0), -1)


def _ends(data: Range, low: int, high: int) -> tuple[float, float]:
    """Return the ends clipped to so many 256ths of their distance from 0."""
    steps = COARSE * FINE
    return (
        data.low * low / steps if data.low < 0 else data.low,
        data.high * high / steps if data.high > 0 else data.high,
    )


def _best(
    data: Range, lows: Iterable[int], highs: Iterable[int], cost: Callable[[float, float], float]
) -> tuple[int, int]:
    """Return the steps of the cheapest range; an end that is not to be clipped has but one."""
    found: tuple[float, int, int] | None = None
    for low in lows if data.low < 0 else (COARSE * FINE,):
        for high in highs if data.high > 0 else (COARSE * FINE,):
            ends = _ends(data, low, high)
            if ends[0] > ends[1]:
                continue
            value = cost(*ends)
            if found is None or value < found[0]:
                found = value, low, high
    assert found is not None  # the data's own range is among them
    return found[1], found[2]
