"""Numbers in the operators of a net: scales, ranges, arguments of axes, weights and biases."""

import math

import torch

from .netdef import Argument, Net, Operator
from .plan import Range

LEVELS = 255
LARGEST_SCALE = 1e3
MOST_CHANNELS = 1024
MOST_AXES = 4


class NetError(ValueError):
    """A net that can be read but is no depth network of this kind; says why."""


class Weights:
    """The tensors that the second net of the pair gives.

    Args:
        init: that net.
    """

    def __init__(self, init: Net) -> None:
        self.given = {name: operator for operator in init.operators for name in operator.outputs}

    def weight(self, name: str) -> torch.Tensor:
        """Return a weight (O, I / groups, K, K), from bytes ordered O, K, K, I."""
        values, shape, scale, zero_point = self._fill(name, "Int8GivenTensorFill")
        if (
            len(shape) != 4
            or shape[1] != shape[2]
            or not isinstance(values, memoryview)
            or len(values) != math.prod(shape)
        ):
            raise NetError(f"the weight {name!r} does not hold what its shape {shape} says")
        whole = torch.frombuffer(bytearray(values), dtype=torch.uint8).reshape(shape)
        return ((whole.float() - zero_point) * scale).permute(0, 3, 1, 2).contiguous()

    def bias(self, name: str, channels: int) -> torch.Tensor:
        """Return a bias (O,)."""
        values, shape, scale, zero_point = self._fill(name, "Int8GivenIntTensorFill")
        if shape != (channels,) or not isinstance(values, tuple) or len(values) != channels:
            raise NetError(f"the bias {name!r} does not have {channels} numbers")
        if not all(-(1 << 31) <= value < 1 << 31 for value in values):
            raise NetError(f"the bias {name!r} holds a number that is no int32")
        return ((torch.tensor(values, dtype=torch.float64) - zero_point) * scale).float()

    def _fill(self, name: str, kind: str) -> tuple[Argument | None, tuple[int, ...], float, int]:
        """Return values, shape, scale and zero point of a given tensor."""
        operator = self.given.get(name)
        if operator is None or operator.kind != kind:
            raise NetError(f"the weights hold no tensor {name!r} (are both files of one network?)")
        arguments = operator.arguments
        shape = arguments.get("shape")
        if (
            not isinstance(shape, tuple)
            or len(shape) > MOST_AXES
            or not all(0 < side <= MOST_CHANNELS for side in shape)
        ):
            raise NetError(f"the tensor {name!r} has no shape of 1 to {MOST_AXES} sides to {MOST_CHANNELS}")
        return arguments.get("values"), shape, *scale_of(operator)


def range_of(operator: Operator) -> Range:
    """Return what an operator's result can hold."""
    scale, zero_point = scale_of(operator)
    return Range((0 - zero_point) * scale, (LEVELS - zero_point) * scale)


def scale_of(operator: Operator) -> tuple[float, int]:
    """Return scale and zero point of an operator's result."""
    scale, zero_point = operator.arguments.get("Y_scale"), operator.arguments.get("Y_zero_point")
    if not isinstance(scale, float) or not math.isfinite(scale) or not 0 < scale < LARGEST_SCALE:
        raise NetError(f"a scale of {operator.kind} is {scale}, no number between 0 and {LARGEST_SCALE:g}")
    if not isinstance(zero_point, int) or not 0 <= zero_point <= LEVELS:
        raise NetError(f"a zero point of {operator.kind} is {zero_point}, no whole number from 0 to {LEVELS}")
    return scale, zero_point


def whole(operator: Operator, name: str, default: int) -> int:
    """Return an argument that is one whole number."""
    value = operator.arguments.get(name, default)
    if not isinstance(value, int):
        raise NetError(f"{name} of {operator.kind} is no whole number")
    return value


def equal(operator: Operator, name: str, default: int = -1) -> int:
    """Return the number that an argument such as `strides` gives for every axis; -1 if they differ."""
    value = operator.arguments.get(name)
    if value is None:
        return default
    if not isinstance(value, tuple) or len(set(value)) != 1:
        return -1
    return value[0]
