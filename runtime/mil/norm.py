"""Normalisation: normalization.py of the MIL definitions."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ...reference.errors import InputError
from .precision import reduce_in_chunks
from .registry import Call, Ints, operation


def _mean(call: Call, x: Tensor, axes: Ints) -> Tensor:
    if not call.inner:
        return x.mean(axes, keepdim=True)
    return call.step(reduce_in_chunks(x, axes, True) / math.prod(x.shape[axis] for axis in axes))


def _standardise(call: Call, x: Tensor, axes: Ints, epsilon: float) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), the variance that of the whole (divided by n)."""
    centred = call.step(x - _mean(call, x, axes))
    variance = _mean(call, call.step(centred * centred), axes)
    return call.step(centred * call.step(torch.rsqrt(call.step(variance + epsilon))))


def _per_channel(values: Tensor | None, x: Tensor) -> Tensor | None:
    return None if values is None else values.reshape([1, -1] + [1] * (x.ndim - 2))


def _affine(call: Call, x: Tensor, gamma: Tensor | None, beta: Tensor | None) -> Tensor:
    if gamma is not None:
        x = call.step(x * gamma)
    return x if beta is None else x + beta


@operation("batch_norm")
def batch_norm(
    call: Call,
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Normalise channels (axis 1) by given means and variances."""
    scale = torch.rsqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = -mean * scale
    if beta is not None:
        shift = shift + beta
    scale, shift = (v.reshape([1, -1] + [1] * (x.ndim - 2)) for v in (scale, shift))
    return call.step(x * call.step(scale)) + call.step(shift)


@operation("instance_norm")
def instance_norm(
    call: Call, x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5
) -> Tensor:
    """Normalise every channel of every image by its own mean and variance."""
    y = _standardise(call, x, tuple(range(2, x.ndim)), epsilon)
    return _affine(call, y, _per_channel(gamma, x), _per_channel(beta, x))


@operation("layer_norm")
def layer_norm(
    call: Call,
    x: Tensor,
    axes: Ints | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Normalise over `axes` (all by default); gamma and beta have the shape of those axes."""
    over = tuple(range(x.ndim)) if axes is None else tuple(sorted(axis % x.ndim for axis in axes))
    shape = [x.shape[axis] if axis in over else 1 for axis in range(x.ndim)]
    gamma, beta = (None if v is None else v.reshape(shape) for v in (gamma, beta))
    return _affine(call, _standardise(call, x, over, epsilon), gamma, beta)


@operation("l2_norm")
def l2_norm(call: Call, x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """x over the root of its sum of squares (plus epsilon) over the last three axes."""
    axes = (x.ndim - 3, x.ndim - 2, x.ndim - 1)
    squares = call.step(x * x)
    total = reduce_in_chunks(squares, axes, True) if call.inner else squares.sum(axes, keepdim=True)
    return x * call.step(torch.rsqrt(call.step(total + epsilon)))


@operation("local_response_norm")
def local_response_norm(
    call: Call, x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x over (k + alpha/size · sum of squares of the neighbouring channels)^beta.

    The channels of rank 3 are its first axis, C×H×W, whatever the definition's text says: so are the numbers
    that coremltools' test has for (1, 3, 2).
    """
    if size < 1:
        raise InputError(f"size is {size}, at least 1 wanted")
    if x.ndim == 3:
        return F.local_response_norm(x[None], size, alpha, beta, k)[0]
    return F.local_response_norm(x, size, alpha, beta, k)
