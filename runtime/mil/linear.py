"""Matrix products: linear.py of the MIL definitions."""

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .precision import chunked_product
from .registry import Call, Tensors, operation


def _product(call: Call, x: Tensor, y: Tensor) -> Tensor:
    """Matrix product with broadcasting; an fp16 accumulator rounds every 32 products where it is modelled."""
    rows, columns = x.shape[-2:-1], y.shape[-1:] if y.ndim > 1 else ()
    call.allocate((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), *rows, *columns))
    if x.dtype != y.dtype:  # iOS17 lets one be of integers
        x, y = x.to(torch.float32), y.to(torch.float32)
    if not call.inner:
        return torch.matmul(x, y)
    return chunked_product(torch.matmul, x, y, x.ndim - 1, max(0, y.ndim - 2))


def _as_declared(call: Call, y: Tensor) -> Tensor:
    """Integers from a product of integers with a constant of floats, which iOS17 declares as integers."""
    whole = y.is_floating_point() and call.outputs[0].dtype.kind == "int"
    return y.trunc().to(torch.int64) if whole else y


@operation("linear")
def linear(call: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x · weightᵀ + bias."""
    y = _product(call, x, weight.transpose(0, 1))
    return _as_declared(call, y if bias is None else y + bias)


@operation("matmul")
def matmul(call: Call, x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """x · y, each transposed in its last two axes if asked (which does nothing to a vector)."""
    if transpose_x and x.ndim > 1:
        x = x.transpose(-1, -2)
    if transpose_y and y.ndim > 1:
        y = y.transpose(-1, -2)
    return _as_declared(call, _product(call, x, y))


@operation("einsum")
def einsum(call: Call, values: Tensors, equation: str) -> Tensor:
    """nchw,nwhu→nchu or chw,whr→chr: products over the last axis of one and the third last of the other."""
    if len(values) != 2:
        raise InputError(f"has {len(values)} values, two wanted")
    left, _, right = equation.replace(" ", "").partition("->")
    first, _, second = left.partition(",")
    rank = len(first)
    plain = len({*first, *second}) == rank + 1 and rank in (3, 4) and len(second) == rank
    if not (
        plain
        and second[-3] == first[-1]
        and second[-2] == first[-2]
        and second[:-3] == first[:-3]
        and right == first[:-1] + second[-1]
    ):
        raise InputError(f"equation {equation!r} is not one that Core ML has")
    x, y = (value.movedim(-2, -3) for value in values)  # ...hcw and ...hwu
    return _product(call, x, y).movedim(-3, -2)


@operation("scaled_dot_product_attention")
def scaled_dot_product_attention(
    call: Call, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """softmax(Q · Kᵀ / √E + mask) · V."""
    scores = call.step(_product(call, query, key.transpose(-1, -2)) / query.shape[-1] ** 0.5)
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, -torch.inf)
        else:
            scores = call.step(scores + attn_mask)
    return _product(call, call.step(torch.softmax(scores, -1)), value)
