"""The range that leaves out a fixed share of the values, half of it at either end."""

from fractions import Fraction

import numpy as np
import torch

from .histogram import Histogram
from .protocol import Range, observers, require_samples


@observers.register("percentile")
class PercentileObserver:
    """All but the outermost values, counted over all photos together.

    Each end is the outer edge of the bin that holds its percentile, so that no more than the share is ever
    left out.

    Args:
        percentile: share of the values inside, per cent.
    """

    name = "percentile"
    min_samples = 4

    def __init__(self, percentile: float = 99.99) -> None:
        self._outside = (100 - Fraction(str(percentile))) / 200
        self._histogram = Histogram()

    def observe(self, values: torch.Tensor) -> None:
        """See `Observer`."""
        self._histogram.add(values)

    def range(self) -> Range:
        """See `Observer`."""
        histogram = self._histogram
        require_samples(self, histogram.samples)
        below = np.cumsum(histogram.counts)
        # Whole numbers: how many values may lie outside at each end.
        spare = int(self._outside * histogram.total)
        first = int(np.searchsorted(below, spare, side="right"))
        last = int(np.searchsorted(below, histogram.total - spare, side="left"))
        return Range(float(histogram.edges[first]), float(histogram.edges[last + 1]))
