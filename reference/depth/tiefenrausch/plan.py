"""What the network computes, step by step, in real numbers.

An int8 tensor of Caffe2 stands for (q − Y_zero_point)·Y_scale, q from 0 to 255: what is computed in int8
cannot leave that range, and here it is kept as a range in real numbers.
"""

from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Range:
    """What an int8 tensor can hold, in real numbers."""

    low: float
    high: float


@dataclass(frozen=True)
class Convolution:
    """Convolution of `source`, padded so that the size stays (or is halved), within a range.

    Attributes:
        layer: its name, from that of its weight; weight and bias are in the plan.
    """

    layer: str
    source: str
    output: str
    stride: int
    groups: int
    range: Range

    @property
    def sources(self) -> tuple[str, ...]:
        """What it takes."""
        return (self.source,)


@dataclass(frozen=True)
class Sum:
    """Sum of two feature maps, within a range."""

    left: str
    right: str
    output: str
    range: Range

    @property
    def sources(self) -> tuple[str, ...]:
        """What it takes."""
        return (self.left, self.right)


@dataclass(frozen=True)
class Doubling:
    """A feature map at twice the height and width, each pixel repeated."""

    source: str
    output: str

    @property
    def sources(self) -> tuple[str, ...]:
        """What it takes."""
        return (self.source,)


Step = Convolution | Sum | Doubling


@dataclass
class Plan:
    """A depth network: photo → log-disparity.

    Attributes:
        photo: name of the tensor that the photo becomes, within `photo_range`.
        steps: in the order of execution.
        output: name of the result, 1 channel at the photo's size.
        parameters: by layer: weight (O, I / groups, K, K) and bias (O,), float32.
    """

    photo: str = ""
    photo_range: Range = Range(0.0, 0.0)
    steps: list[Step] = field(default_factory=list)
    output: str = ""
    parameters: dict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
