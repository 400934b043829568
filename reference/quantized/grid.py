"""Weights that were rounded to int8 before: on their own steps they need no second rounding."""

import torch

from .recipe import INT8_MAX

# Weights of fewer different magnitudes may lie on equal steps by chance; published int8 layers have more.
FEWEST_LEVELS = 16
# Of a step: how far beside its place float32 may put a weight.
TOLERANCE = 1e-3


def grid_step(weight: torch.Tensor) -> float | None:
    """Return the step of which every weight of a layer is a whole multiple, up to 128; None if there is none.

    Args:
        weight: of one layer, any shape, finite.
    """
    magnitudes = weight.detach().double().abs().flatten()
    levels = torch.unique(magnitudes)
    largest = float(levels[-1])
    # Closer together than this are two float32 numbers for one level.
    apart = torch.diff(levels, prepend=torch.zeros(1, dtype=levels.dtype))
    apart = apart[apart > largest / (2 * (INT8_MAX + 1))]
    if len(apart) < FEWEST_LEVELS:
        return None
    # The largest magnitude tells the step the most exactly.
    step = largest / round(largest / float(apart.min()))
    counts = magnitudes / step
    on_steps = bool(((counts - counts.round()).abs() <= TOLERANCE).all())
    return step if on_steps and counts.max() <= INT8_MAX + 1 + TOLERANCE else None


def takes_plus_128(channels: torch.Tensor, step: float) -> torch.Tensor:
    """Say of every channel of a weight on its own steps whether one of its weights is 128 of them.

    Args:
        channels: (channels, weights).
        step: from `grid_step`.

    Returns:
        (channels,) bool. int8 holds −128, but not +128.
    """
    return channels.amax(1) > (INT8_MAX + 0.5) * step


def needs_plus_128(weight: torch.Tensor) -> bool:
    """Say whether int8 would round a channel of a weight that lies on its own steps again, for its +128."""
    step = grid_step(weight)
    return step is not None and bool(takes_plus_128(weight.detach().flatten(1), step).any())
