"""The range of all values observed: nothing is ever clipped on the photos of calibration."""

import torch

from .protocol import Range, extremes, observers, require_samples


@observers.register("minmax")
class MinMaxObserver:
    """Least and largest value over all photos."""

    name = "minmax"
    min_samples = 1

    def __init__(self) -> None:
        self._count = 0
        self._range = Range(float("inf"), float("-inf"))

    def observe(self, values: torch.Tensor) -> None:
        """See `Observer`."""
        new = extremes(values)
        self._range = Range(min(self._range.low, new.low), max(self._range.high, new.high))
        self._count += 1

    def range(self) -> Range:
        """See `Observer`."""
        require_samples(self, self._count)
        return self._range
