"""From ranges to int8 scales: asymmetric for activations, symmetric per channel for weights.

real = (q − zero_point)·scale. Scales are float32 numbers, as every format stores them.
"""

import math

import numpy as np
import torch

from ..errors import InputError
from .grid import grid_step, takes_plus_128
from .recipe import INT8_MAX, INT8_MIN

SMALLEST_SCALE = 2.0**-14
"""Of activations: the smallest normal float16, so that it and its inverse survive in a float16 program."""

SMALLEST_WEIGHT_SCALE = 2.0**-20
"""Of weights: a channel of (almost) nothing but zeros has to have some scale, and its bias, rounded to int32
at input scale × weight scale, must not overflow: up to ±2048 × the input's scale fits."""


def affine_parameters(low: float, high: float) -> tuple[float, int]:
    """Return the scale and zero point that round a range to −128…127, real 0 to `zero_point` exactly.

    The range is widened to contain 0; a constant activation v thus has the range from 0 to v and is itself
    exact, and all zeros have the smallest scale. The width that 255 steps span is never above the
    range's, so that what cannot be below 0 (after ReLU6, say) is never represented above `high`; where 0 lies
    inside, rounding the zero point shifts both ends by at most half a step. Only a range narrower than 255 ×
    `SMALLEST_SCALE` is represented wider than it is.

    Args:
        low, high: of the activation, low ≤ high.

    Raises:
        InputError: the range is not finite, or upside down.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise InputError(f"a range to round to int8 must be finite and low ≤ high, got {low} to {high}")
    low, high = min(low, 0.0), max(high, 0.0)
    steps = INT8_MAX - INT8_MIN
    nearest = np.float32((high - low) / steps)
    if float(nearest) * steps > high - low:
        nearest = np.nextafter(nearest, np.float32(0))
    scale = max(float(nearest), SMALLEST_SCALE)
    zero_point = INT8_MIN - round(low / scale)
    return scale, min(max(zero_point, INT8_MIN), INT8_MAX)


def symmetric_scales(weight: torch.Tensor, axis: int = 0) -> torch.Tensor:
    """Return the scale of each channel of a weight, for −127…127 with zero point 0.

    A weight that was rounded to equal steps before keeps them, −128 included: published int8 weights use it.

    Args:
        weight: of a layer, any shape.
        axis: of the output channels.

    Returns:
        (channels,) float32: the channel's largest magnitude over 127 (or the weight's own step, see
        `grid_step`), at least `SMALLEST_WEIGHT_SCALE`.

    Raises:
        InputError: a weight is not finite.
    """
    channels = weight.detach().float().movedim(axis, 0).reshape(weight.shape[axis], -1)
    largest = channels.abs().amax(1)
    if not bool(torch.isfinite(largest).all()):
        raise InputError("a weight to round to int8 is not finite: train or convert the network again")
    scales = largest / INT8_MAX
    step = grid_step(weight)
    if step is not None:
        scales = torch.where(takes_plus_128(channels, step), scales, step)
    return scales.clamp(min=SMALLEST_WEIGHT_SCALE)
