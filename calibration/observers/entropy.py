"""The range that keeps most of what the values tell: least Kullback-Leibler divergence."""

import numpy as np
import torch

from ...reference.quantized.affine import affine_parameters
from ...reference.quantized.recipe import INT8_MAX, INT8_MIN
from .histogram import Histogram
from .protocol import Range, observers, require_samples
from .search import cheapest_range

_SMOOTHING = 1e-4


@observers.register("entropy")
class EntropyObserver:
    """TensorRT's entropy calibration, for ranges that need not be symmetric.

    For a range, P is the histogram inside it, with what lies outside counted in its outermost bins; Q is what
    int8 leaves of the histogram inside: the values of each code spread evenly over the bins that P fills
    there. The range with the least KL(P‖Q) wins. So do TensorRT (S. Migacz, "8-bit Inference with TensorRT",
    GTC 2017, s7310) and onnxruntime's EntropyCalibrater, except that
    - both ends are searched, and the codes are those of the asymmetric scale that the range would get, where
      theirs are 128 equal parts of a symmetric range;
    - values that are exactly 0 are left out, being exact in every range: after a ReLU their peak would
      otherwise decide everything (NVIDIA's pytorch-quantization drops the bin at 0 for the same reason);
    - bins that P fills and Q leaves empty (outliers alone at an end) get 1/10000 of a value in Q, where
      onnxruntime smooths both by as much.
    """

    name = "entropy"
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
        edges, counts = self._histogram.edges, self._histogram.nonzero_counts
        centers = (edges[1:] + edges[:-1]) / 2
        return cheapest_range(data, lambda low, high: divergence(centers, counts, low, high))


def divergence(centers: np.ndarray, counts: np.ndarray, low: float, high: float) -> float:
    """Return KL(P‖Q), in nats, of a histogram under int8 with a range; infinite where nothing is inside.

    Args:
        centers: (bins,) increasing.
        counts: (bins,).
        low, high: the range; bins whose centre it holds are inside.
    """
    first, last = np.searchsorted(centers, low), np.searchsorted(centers, high, side="right")
    inside = counts[first:last].astype(np.float64)
    if not inside.sum():
        return float("inf")
    p = inside.copy()
    p[0] += counts[:first].sum()
    p[-1] += counts[last:].sum()
    scale, zero_point = affine_parameters(low, high)
    codes = np.clip(np.rint(centers[first:last] / scale) + zero_point, INT8_MIN, INT8_MAX)
    codes = (codes - INT8_MIN).astype(np.int64)
    filled = p > 0
    mass, bins = np.bincount(codes, inside), np.bincount(codes, filled)
    q = np.maximum((mass / np.maximum(bins, 1))[codes][filled], _SMOOTHING)
    p, q = p[filled] / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())
