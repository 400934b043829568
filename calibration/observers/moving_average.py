"""A running average of each photo's least and largest value, as torchao's MovingAverageMinMaxObserver."""

import torch

from .protocol import Range, extremes, observers, require_samples


@observers.register("moving_average")
class MovingAverageObserver:
    """The first photo sets both ends; each later one moves them by a hundredth of the way to its own.

    The first photo still weighs 0.99^(n−1) after n, 37 % at 100: its order matters, and rare extremes hardly
    count. It is here because it is what most recipes for int8 start from (torchao's default).

    Args:
        constant: how far each photo moves the ends, 0 to 1.
    """

    name = "moving_average"
    min_samples = 16

    def __init__(self, constant: float = 0.01) -> None:
        self._constant = constant
        self._count = 0
        self._range = Range(0.0, 0.0)

    def observe(self, values: torch.Tensor) -> None:
        """See `Observer`."""
        new, old = extremes(values), self._range
        if self._count == 0:
            self._range = new
        else:
            self._range = Range(
                old.low + self._constant * (new.low - old.low),
                old.high + self._constant * (new.high - old.high),
            )
        self._count += 1

    def range(self) -> Range:
        """See `Observer`."""
        require_samples(self, self._count)
        return self._range
