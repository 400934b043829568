"""Random numbers: random.py of the MIL definitions.

A seed makes a sequence that can be had again, but not Core ML's own: only the distributions are the same.
Without a seed Core ML draws anew each time; here an operation draws the same each time, so that two runs of a
program can be compared.
"""

import zlib

import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, Ints, operation


def _generator(call: Call, seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed if seed >= 0 else zlib.crc32(call.name.encode()))


@operation("random_uniform")
def random_uniform(call: Call, shape: Ints, low: float = 0.0, high: float = 1.0, seed: int = -1) -> Tensor:
    """Evenly distributed from low (included) to high (not included)."""
    call.allocate(shape)
    return low + (high - low) * torch.rand(shape, generator=_generator(call, seed))


@operation("random_normal")
def random_normal(call: Call, shape: Ints, mean: float = 0.0, stddev: float = 1.0, seed: int = -1) -> Tensor:
    """Normally distributed."""
    call.allocate(shape)
    return mean + stddev * torch.randn(shape, generator=_generator(call, seed))


@operation("random_bernoulli")
def random_bernoulli(call: Call, shape: Ints, prob: float = 0.5, seed: int = -1) -> Tensor:
    """1 with probability `prob`, else 0."""
    call.allocate(shape)
    return (torch.rand(shape, generator=_generator(call, seed)) < prob).to(torch.float32)


@operation("random_categorical")
def random_categorical(call: Call, x: Tensor, mode: str = "logits", size: int = 1, seed: int = -1) -> Tensor:
    """`size` draws, with replacement, from the classes along the last axis; as numbers of x's type."""
    if mode not in ("logits", "probs"):
        raise InputError(f"unknown mode {mode!r}")
    call.allocate((*x.shape[:-1], size))
    shares = torch.softmax(x, -1) if mode == "logits" else x
    rows = shares.reshape(-1, shares.shape[-1])
    picks = torch.multinomial(rows, size, replacement=True, generator=_generator(call, seed))
    return picks.reshape(*x.shape[:-1], size).to(x.dtype)
