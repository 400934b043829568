"""A running histogram whose range grows with the data: exact counts, no second pass, bounded memory."""

import math

import numpy as np
import torch

from .protocol import Range, extremes

BINS = 4096
"""At most; bins halve in number only by doubling in width, so that at least 2048 span the data."""

# Bins finer than float32 tell nothing apart: 2^-24 of the largest magnitude, and an exponent whose power
# of two float32 can multiply by.
_PRECISION, _FINEST = 24, -100


class Histogram:
    """Counts of values in bins of equal width, a power of two, whose edges are multiples of the width.

    Both depend on the least and largest value alone. Growing therefore merges whole bins (2, 4, 8, … to
    one), no count is ever divided, and the result is the same whatever the order or the portions of the data.
    Zero is an edge. Values that are exactly 0 are counted apart as well: int8 represents them exactly in
    every range, and after a ReLU they are most of the data.

    Attributes:
        samples: how many tensors were added.
        total: how many values.
        zeros: how many of them are exactly 0.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.total = 0
        self.zeros = 0
        self._range = Range(float("inf"), float("-inf"))
        self._exponent = _FINEST
        self._first = 0
        self._counts = np.zeros(0, np.int64)

    def add(self, values: torch.Tensor) -> None:
        """Count the values of one more tensor, of any shape.

        Raises:
            InputError: one is not finite.
        """
        flat = values.detach().float().flatten()
        new, old = extremes(flat), self._range
        self._cover(Range(min(old.low, new.low), max(old.high, new.high)))
        # Scaling by a power of two and rounding down are exact in float32, unlike torch.histc's division by
        # the range, and several times as fast.
        indices = (flat * 2.0**-self._exponent).floor_().sub_(self._first).to(torch.int32)
        self._counts += torch.bincount(indices, minlength=self._counts.size).numpy()
        self.samples += 1
        self.total += flat.numel()
        self.zeros += int((flat == 0).sum())

    def _cover(self, wanted: Range) -> None:
        """Let the bins span a range that contains the present one."""
        exponent = _exponent(wanted)
        first = _bin(wanted.low, exponent)
        counts = np.zeros(_bin(wanted.high, exponent) - first + 1, np.int64)
        if self.total:
            filled = np.flatnonzero(self._counts)
            # Shifting right rounds down; beyond 62 bits only the sign is left.
            moved = (filled + self._first) >> min(exponent - self._exponent, 62)
            np.add.at(counts, moved - first, self._counts[filled])
        self._range, self._exponent, self._first, self._counts = wanted, exponent, first, counts

    @property
    def range(self) -> Range:
        """Least and largest value, exactly."""
        return self._range

    @property
    def width(self) -> float:
        """Of a bin."""
        return 2.0**self._exponent

    @property
    def counts(self) -> np.ndarray:
        """(bins,) int64, from the bin that holds the least value to the one that holds the largest."""
        return self._counts

    @property
    def edges(self) -> np.ndarray:
        """(bins + 1,) float64: bin i holds edges[i] ≤ value < edges[i + 1].

        The outermost are the least and largest value instead; the last two are equal where the largest value
        lies on an edge.
        """
        edges = (np.arange(self._counts.size + 1) + self._first) * self.width
        edges[0], edges[-1] = self._range.low, self._range.high
        return edges

    @property
    def nonzero_counts(self) -> np.ndarray:
        """(bins,) int64: `counts` without the values that are exactly 0."""
        counts = self._counts.copy()
        if self.zeros:
            counts[-self._first] -= self.zeros
        return counts


def _exponent(wanted: Range) -> int:
    """Return the exponent of the narrowest bins of which at most `BINS` hold a range."""
    largest = max(abs(wanted.low), abs(wanted.high))
    exponent = max(math.frexp(largest)[1] - _PRECISION, _FINEST) if largest else _FINEST
    while _bin(wanted.high, exponent) - _bin(wanted.low, exponent) >= BINS:
        exponent += 1
    return exponent


def _bin(value: float, exponent: int) -> int:
    """Return the index of the bin, of width 2^exponent, that holds a value."""
    return math.floor(math.ldexp(value, -exponent))
