"""What an observer of activations is, the range it gives, and the registry of those there are."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from ...reference.errors import InputError
from ...reference.registry import Registry


@dataclass(frozen=True)
class Range:
    """Of an activation, low ≤ high, both within what was observed; equal for a constant."""

    low: float
    high: float


@runtime_checkable
class Observer(Protocol):
    """Watches one tensor over the calibration photos and says which range int8 should span.

    Attributes:
        name: in the registry and in recipe.json.
        min_samples: fewer photos than these say too little.
    """

    name: str
    min_samples: int

    def observe(self, values: torch.Tensor) -> None:
        """Take in the tensor's float32 values on one more photo, in any shape.

        Raises:
            InputError: a value is not finite.
        """
        ...

    def range(self) -> Range:
        """Return the range found so far.

        Raises:
            InputError: too few photos were observed.
        """
        ...


observers: Registry[type[Observer]] = Registry("observer")


def extremes(values: torch.Tensor) -> Range:
    """Return the least and the largest value of a tensor.

    Raises:
        InputError: one is NaN or infinite.
    """
    low, high = (float(end) for end in torch.aminmax(values.detach()))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("an activation is not finite: the float network itself fails on this photo")
    return Range(low, high)


def require_samples(observer: Observer, count: int) -> None:
    """Refuse to give a range from fewer photos than the observer needs.

    Raises:
        InputError: says how many it needs.
    """
    if count < observer.min_samples:
        raise InputError(
            f"the {observer.name} observer needs at least {observer.min_samples} calibration photos, "
            f"got {count}: give more photos, or choose the minmax observer"
        )
