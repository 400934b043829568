"""The soft step that takes the place of a threshold everywhere in the program."""

import torch

# Delegates of phones know the ReLU that ends at 6 and not the one that ends at 1.
_RELU6_END = 6.0


def unit(value: torch.Tensor) -> torch.Tensor:
    """Cut values off at 0 and 1."""
    return (value * _RELU6_END).clamp(0.0, _RELU6_END) * (1.0 / _RELU6_END)


def ramp(value: torch.Tensor, start: float, end: float) -> torch.Tensor:
    """Rise linearly from 0 at `start` to 1 at `end`; gain 1/(end − start)."""
    rising = (value - start) * (_RELU6_END / (end - start))
    return rising.clamp(0.0, _RELU6_END) * (1.0 / _RELU6_END)
