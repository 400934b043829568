"""The soft step that takes the place of a threshold everywhere in the program."""

import torch


def ramp(value: torch.Tensor, start: float, end: float) -> torch.Tensor:
    """Rise linearly from 0 at `start` to 1 at `end`; gain 1/(end − start)."""
    return ((value - start) * (1.0 / (end - start))).clamp(0.0, 1.0)
