"""Activations: activation.py of the MIL definitions."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ...reference.errors import InputError
from .precision import reduce_in_chunks
from .registry import Call, operation


def _simple(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @operation(name)
    def run(call: Call, x: Tensor) -> Tensor:
        return function(x)


for _name, _function in {
    "relu": torch.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "softsign": F.softsign,
}.items():
    _simple(_name, _function)


@operation("silu")
def silu(call: Call, x: Tensor) -> Tensor:
    """x · sigmoid(x)."""
    return x * call.step(torch.sigmoid(x))


@operation("gelu")
def gelu(call: Call, x: Tensor, mode: str = "EXACT") -> Tensor:
    """x · Φ(x), exact or by its tanh or sigmoid approximation."""
    if mode == "EXACT":
        return 0.5 * x * call.step(1 + call.step(torch.erf(call.step(x / math.sqrt(2)))))
    if mode == "TANH_APPROXIMATION":
        inner = call.step(math.sqrt(2 / math.pi) * (x + call.step(0.044715 * call.step(x**3))))
        return 0.5 * x * call.step(1 + call.step(torch.tanh(inner)))
    if mode == "SIGMOID_APPROXIMATION":
        return x * call.step(torch.sigmoid(call.step(1.702 * x)))
    raise InputError(f"unknown mode {mode!r}")


@operation("softmax")
def softmax(call: Call, x: Tensor, axis: int = -1) -> Tensor:
    """exp(x - max) over its sum along an axis."""
    if not call.inner:
        return torch.softmax(x, axis)
    powers = call.step(torch.exp(call.step(x - x.amax(axis, keepdim=True))))
    return powers / reduce_in_chunks(powers, (axis,), True)


@operation("leaky_relu")
def leaky_relu(call: Call, x: Tensor, alpha: float) -> Tensor:
    """x, or alpha·x where it is negative."""
    return torch.where(x >= 0, x, alpha * x)


@operation("elu")
def elu(call: Call, x: Tensor, alpha: float) -> Tensor:
    """x, or alpha·(exp(x) - 1) where it is negative."""
    return torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0)))


@operation("clamped_relu")
def clamped_relu(call: Call, x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(beta, x), with alpha·x in the place of a negative x."""
    return torch.clamp(torch.where(x >= 0, x, alpha * x), max=beta)


@operation("thresholded_relu")
def thresholded_relu(call: Call, x: Tensor, alpha: float) -> Tensor:
    """x where it is at least alpha, 0 elsewhere."""
    return torch.where(x >= alpha, x, torch.zeros_like(x))


@operation("sigmoid_hard")
def sigmoid_hard(call: Call, x: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha·x + beta between 0 and 1."""
    return torch.clamp(call.step(call.step(alpha * x) + beta), 0, 1)


@operation("linear_activation")
def linear_activation(call: Call, x: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha·x + beta."""
    return call.step(alpha * x) + beta


@operation("scaled_tanh")
def scaled_tanh(call: Call, x: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha·tanh(beta·x)."""
    return alpha * call.step(torch.tanh(call.step(beta * x)))


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape([1, -1] + [1] * (x.ndim - 2))


@operation("prelu")
def prelu(call: Call, x: Tensor, alpha: Tensor) -> Tensor:
    """x, or alpha of its channel (axis 1) times x where it is negative."""
    return torch.where(x >= 0, x, _per_channel(alpha, x) * x)


@operation("softplus_parametric")
def softplus_parametric(call: Call, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """alpha·log(1 + exp(beta·x)), alpha and beta of its channel (axis 1)."""
    return _per_channel(alpha, x) * call.step(F.softplus(call.step(_per_channel(beta, x) * x)))
