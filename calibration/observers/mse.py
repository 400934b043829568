"""The range whose int8 rounding and clipping together change the values least, in the mean square."""

import numpy as np
import torch

from ...reference.quantized.affine import affine_parameters
from ...reference.quantized.recipe import INT8_MAX, INT8_MIN
from .histogram import Histogram
from .protocol import Range, observers, require_samples
from .search import cheapest_range

_CODES = np.arange(INT8_MIN, INT8_MAX + 1)


@observers.register("mse")
class MSEObserver:
    """Least mean squared error of asymmetric int8 over the histogram of all photos.

    The error of a range is that of the very scale and zero point it would get (`affine_parameters`), summed
    in closed form: values lie evenly within a bin, so each code's share is a difference of cumulative
    moments. Exact zeros have no error in any range and are left out; after a ReLU only the high end is
    searched. (torchao's HistogramObserver seeks the same by moving one quantile at a time.)
    """

    name = "mse"
    min_samples = 4

    def __init__(self) -> None:
        self._histogram = Histogram()

    def observe(self, values: torch.Tensor) -> None:
        """See `Observer`."""
        self._histogram.add(values)

    def range(self) -> Range:
        """See `Observer`."""
        require_samples(self, self._histogram.samples)
        data = self._histogram.range
        if data.low == data.high:
            return data
        return cheapest_range(data, _Moments(self._histogram).squared_error)


class _Moments:
    """Integrals of 1, x and x² over the values of a histogram, from the least value to any x."""

    def __init__(self, histogram: Histogram) -> None:
        self._edges = edges = histogram.edges
        counts = histogram.nonzero_counts.astype(np.float64)
        # Where the largest value lies on an edge its bin has no width: its values are taken one for all.
        self._peak = counts[-1] if edges[-2] == edges[-1] else 0.0
        widths = np.diff(edges)
        self._density = np.divide(counts, widths, out=np.zeros_like(counts), where=widths > 0)
        parts = [self._density * (edges[1:] ** k - edges[:-1] ** k) / k for k in (1, 2, 3)]
        self._sums = [np.concatenate(([0.0], np.cumsum(part))) for part in parts]

    def _up_to(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the three integrals from the least value to each x."""
        x = np.clip(x, self._edges[0], self._edges[-1])
        index = np.clip(np.searchsorted(self._edges, x, side="right") - 1, 0, self._density.size - 1)
        start, density = self._edges[index], self._density[index]
        return [
            sums[index] + density * (x**k - start**k) / k
            for k, sums in zip((1, 2, 3), self._sums, strict=True)
        ]

    def squared_error(self, low: float, high: float) -> float:
        """Return the sum of squared errors if the range low to high is rounded to int8."""
        scale, zero_point = affine_parameters(low, high)
        real = (_CODES - zero_point) * scale
        between = (real[1:] + real[:-1]) / 2
        count, first, second = (
            np.diff(sums) for sums in self._up_to(np.concatenate(([-np.inf], between, [np.inf])))
        )
        largest = self._edges[-1]
        peak = self._peak * float(np.abs(real - largest).min()) ** 2
        return float((second - 2 * real * first + real**2 * count).sum()) + peak
