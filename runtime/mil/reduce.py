"""Reductions: reduction.py of the MIL definitions, and running sums along an axis."""

from collections.abc import Callable

import torch
from torch import Tensor

from .precision import reduce_in_chunks
from .registry import Call, Ints, operation


def _axes(x: Tensor, axes: Ints | None) -> Ints:
    return tuple(range(x.ndim)) if axes is None else tuple(axis % x.ndim for axis in axes)


def _sum(call: Call, x: Tensor, axes: Ints, keep_dims: bool) -> Tensor:
    if not axes:
        return x
    if call.inner:
        return reduce_in_chunks(x, axes, keep_dims)
    dtype = None if x.is_floating_point() else x.dtype
    return x.sum(axes, keepdim=keep_dims, dtype=dtype)


def _register(name: str, function: Callable[[Call, Tensor, Ints, bool], Tensor]) -> None:
    @operation(name)
    def run(call: Call, x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
        return function(call, x, _axes(x, axes), keep_dims)


def _mean(call: Call, x: Tensor, axes: Ints, keep: bool) -> Tensor:
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    if x.is_floating_point():
        return _sum(call, x, axes, keep) / count
    return torch.div(_sum(call, x, axes, keep), count, rounding_mode="trunc")


def _log_sum_exp(call: Call, x: Tensor, axes: Ints, keep: bool) -> Tensor:
    if not call.inner:
        return torch.logsumexp(x, axes, keepdim=keep)
    peak = x.amax(axes, keepdim=True)
    total = _sum(call, call.step(torch.exp(call.step(x - peak))), axes, True)
    result = call.step(torch.log(total)) + peak
    return result if keep else result.squeeze(axes)


def _prod(call: Call, x: Tensor, axes: Ints, keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        x = call.step(x.prod(axis, keepdim=keep).to(x.dtype))
    return x


for _name, _function in {
    "reduce_sum": _sum,
    "reduce_mean": _mean,
    "reduce_max": lambda call, x, axes, keep: x.amax(axes, keepdim=keep),
    "reduce_min": lambda call, x, axes, keep: x.amin(axes, keepdim=keep),
    "reduce_prod": _prod,
    "reduce_l1_norm": lambda call, x, axes, keep: _sum(call, x.abs(), axes, keep),
    "reduce_l2_norm": lambda call, x, axes, keep: torch.sqrt(_sum(call, call.step(x * x), axes, keep)),
    "reduce_sum_square": lambda call, x, axes, keep: _sum(call, call.step(x * x), axes, keep),
    "reduce_log_sum": lambda call, x, axes, keep: torch.log(_sum(call, x, axes, keep)),
    "reduce_log_sum_exp": _log_sum_exp,
}.items():
    _register(_name, _function)


def _register_arg(name: str, function: Callable[..., Tensor]) -> None:
    @operation(name)
    def run(
        call: Call, x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32"
    ) -> Tensor:
        return function(x, axis, keepdim=keep_dims)


_register_arg("reduce_argmax", torch.argmax)
_register_arg("reduce_argmin", torch.argmin)


@operation("cumsum")
def cumsum(call: Call, x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running sum along an axis, with or without the element itself, from either end."""
    y = x.flip(axis) if reverse else x
    if call.inner:
        # Rounding every running total is what an fp16 accumulator does at worst.
        total, totals = torch.zeros_like(y.select(axis, 0)), []
        for part in y.unbind(axis):
            total = call.step(total + part)
            totals.append(total)
        summed = torch.stack(totals, axis)
    else:
        summed = y.cumsum(axis, dtype=y.dtype)
    if exclusive:
        empty = torch.zeros_like(summed.narrow(axis, 0, 1))
        summed = torch.cat([empty, summed.narrow(axis, 0, summed.shape[axis] - 1)], axis)
    return summed.flip(axis) if reverse else summed
