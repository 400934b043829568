"""From the pair of nets to what has to be computed, everything checked before a network is built from it.

An int8 tensor of Caffe2 stands for (q − Y_zero_point)·Y_scale, q from 0 to 255: what is computed in int8
cannot leave that range. Here it is kept as a range in real numbers; weights and biases become real too.
"""

import math
from dataclasses import dataclass, field

import torch

from ...errors import InputError
from .netdef import Argument, Net, Operator

LEVELS = 255
# A program's sides are multiples of 2^5: feature maps may be halved this often. None is finer than the photo.
MOST_HALVINGS = 5
MOST_CHANNELS = 1024
KERNELS, STRIDES = (1, 3, 5), (1, 2)
PHOTO_CHANNELS = 3


class NetError(ValueError):
    """A net that can be read but is no depth network of this kind; says why."""


@dataclass(frozen=True)
class Range:
    """What an int8 tensor can hold, in real numbers."""

    low: float
    high: float


@dataclass(frozen=True)
class Shape:
    """Channels of a feature map, and how often it was halved against the photo."""

    channels: int
    halvings: int


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


def make_plan(predict: Net, init: Net) -> Plan:
    """Check a pair of nets and return what they compute.

    Args:
        predict: the operations.
        init: the weights and biases.

    Raises:
        NetError: an unknown operation, a missing tensor, shapes that do not fit, a scale that is none.
    """
    return _Planner(init).plan(predict)


class _Planner:
    """Walks through the operations, with the shape of every tensor at hand."""

    def __init__(self, init: Net) -> None:
        self.given = {name: operator for operator in init.operators for name in operator.outputs}
        self.shapes: dict[str, Shape] = {}
        self.ranges: dict[str, Range] = {}
        # Operations that only change how numbers are held: result → what it is another name of.
        self.renamed: dict[str, str] = {}
        self.result = Plan()

    def plan(self, predict: Net) -> Plan:
        """See `make_plan`."""
        for operator in predict.operators:
            if operator.kind not in _OPERATIONS:
                raise NetError(
                    f"it holds the operation {operator.kind!r}, which the depth network does not have"
                )
            inputs, handle = _OPERATIONS[operator.kind]
            if len(operator.inputs) != inputs or len(operator.outputs) != 1:
                raise NetError(
                    f"{operator.kind} takes {inputs} tensors and gives one, "
                    f"got {len(operator.inputs)} and {len(operator.outputs)}"
                )
            handle(self, operator, operator.outputs[0])
        if len(predict.outputs) != 1:
            raise NetError(f"a depth network gives one tensor, this one {len(predict.outputs)}")
        self.result.output = self._source(predict.outputs[0])
        shape = self.shapes[self.result.output]
        if not self.result.steps or shape != Shape(1, 0):
            raise NetError(
                f"its result has {shape.channels} channels at 1/{2**shape.halvings} of the photo's size: "
                "disparity has 1 at 1/1"
            )
        return self.result

    def layout(self, operator: Operator, output: str) -> None:
        """The photo comes in planes and is made one of pixels: here it stays."""
        if self.renamed:
            raise NetError("it takes more than one photo")
        self.renamed[output] = ""

    def quantize(self, operator: Operator, output: str) -> None:
        """The photo is rounded to int8, within a range."""
        if self.renamed.get(operator.inputs[0]) != "" or self.result.photo:
            raise NetError("what it rounds to int8 is not the photo")
        self.result.photo, self.result.photo_range = output, _range(operator)
        self._define(output, Shape(PHOTO_CHANNELS, 0), self.result.photo_range)

    def dequantize(self, operator: Operator, output: str) -> None:
        """The result becomes real numbers: here it is."""
        self.renamed[output] = self._source(operator.inputs[0])

    def convolution(self, operator: Operator, output: str) -> None:
        """Int8Conv."""
        name = operator.inputs[1]
        layer = name.removesuffix("_int8").removesuffix(".weight").removesuffix(".conv").replace(".", "_")
        if not layer.isidentifier():
            layer = f"layer_{layer}"
        if not layer.isidentifier() or layer in self.result.parameters:
            raise NetError(f"the weight {name!r} names no layer of its own")
        source = self._source(operator.inputs[0])
        shape = self.shapes[source]
        weight = self._weight(name)
        outputs, taken, kernel, _ = weight.shape
        groups, stride = _whole(operator, "group", 1), _equal(operator, "strides")
        fits = (
            kernel in KERNELS
            and stride in STRIDES
            and outputs <= MOST_CHANNELS
            and 0 < groups <= outputs
            and outputs % groups == 0
            and taken * groups == shape.channels
            and _equal(operator, "kernels") == kernel
            and _equal(operator, "pads") == kernel // 2
            and _equal(operator, "dilations", 1) == 1
        )
        if not fits:
            raise NetError(
                f"the weight {name!r} ({outputs}×{taken}×{kernel}×{kernel}, {groups} groups, "
                f"stride {stride}) does not fit a feature map of {shape.channels} channels"
            )
        bounds = _range(operator)
        self.result.parameters[layer] = (weight, self._bias(operator.inputs[2], outputs))
        self.result.steps.append(Convolution(layer, source, output, stride, groups, bounds))
        self._define(output, Shape(outputs, shape.halvings + stride - 1), bounds)

    def sum(self, operator: Operator, output: str) -> None:
        """Int8Add."""
        left, right = (self._source(name) for name in operator.inputs)
        if self.shapes[left] != self.shapes[right]:
            raise NetError(f"it adds {self.shapes[left]} and {self.shapes[right]}")
        bounds = _range(operator)
        self.result.steps.append(Sum(left, right, output, bounds))
        self._define(output, self.shapes[left], bounds)

    def doubling(self, operator: Operator, output: str) -> None:
        """Int8ResizeNearest, which only moves numbers: its result has its input's scale."""
        source = self._source(operator.inputs[0])
        scales = (operator.arguments.get("height_scale"), operator.arguments.get("width_scale"))
        if scales != (2.0, 2.0) or _range(operator) != self.ranges[source]:
            raise NetError(f"it enlarges {source!r} by other than 2×2, or changes its scale")
        self.result.steps.append(Doubling(source, output))
        shape = self.shapes[source]
        self._define(output, Shape(shape.channels, shape.halvings - 1), self.ranges[source])

    def _define(self, name: str, shape: Shape, bounds: Range) -> None:
        if name in self.shapes:
            raise NetError(f"it computes the tensor {name!r} twice")
        if not 0 <= shape.halvings <= MOST_HALVINGS:
            raise NetError(f"the tensor {name!r} is finer than the photo, or less than 1/32 of its size")
        self.shapes[name], self.ranges[name] = shape, bounds

    def _source(self, name: str) -> str:
        name = self.renamed.get(name, name)
        if name not in self.shapes:
            raise NetError(f"nothing computes the tensor {name!r} before it is needed")
        return name

    def _fill(self, name: str, kind: str) -> tuple[Argument | None, tuple[int, ...], float, int]:
        """Return values, shape, scale and zero point of a given tensor."""
        operator = self.given.get(name)
        if operator is None or operator.kind != kind:
            raise NetError(f"the weights hold no tensor {name!r} (are both files of one network?)")
        arguments = operator.arguments
        shape = arguments.get("shape")
        if not isinstance(shape, tuple) or not all(0 < side <= MOST_CHANNELS for side in shape):
            raise NetError(f"the tensor {name!r} has the shape {shape}")
        return arguments.get("values"), shape, *_scale(operator)

    def _weight(self, name: str) -> torch.Tensor:
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

    def _bias(self, name: str, channels: int) -> torch.Tensor:
        """Return a bias (O,)."""
        values, shape, scale, zero_point = self._fill(name, "Int8GivenIntTensorFill")
        if shape != (channels,) or not isinstance(values, tuple) or len(values) != channels:
            raise NetError(f"the bias {name!r} does not have {channels} numbers")
        if not all(-(1 << 31) <= value < 1 << 31 for value in values):
            raise NetError(f"the bias {name!r} holds a number that is no int32")
        return ((torch.tensor(values, dtype=torch.float64) - zero_point) * scale).float()


_OPERATIONS = {
    "NCHW2NHWC": (1, _Planner.layout),
    "Int8Quantize": (1, _Planner.quantize),
    "Int8Conv": (3, _Planner.convolution),
    "Int8Add": (2, _Planner.sum),
    "Int8ResizeNearest": (1, _Planner.doubling),
    "Int8Dequantize": (1, _Planner.dequantize),
}


def _range(operator: Operator) -> Range:
    scale, zero_point = _scale(operator)
    return Range((0 - zero_point) * scale, (LEVELS - zero_point) * scale)


def _scale(operator: Operator) -> tuple[float, int]:
    """Return scale and zero point of an operator's result."""
    scale, zero_point = operator.arguments.get("Y_scale"), operator.arguments.get("Y_zero_point")
    if not isinstance(scale, float) or not math.isfinite(scale) or not 0 < scale < 1e3:
        raise NetError(f"a scale of {operator.kind} is {scale}, no number between 0 and 1000")
    if not isinstance(zero_point, int) or not 0 <= zero_point <= LEVELS:
        raise NetError(f"a zero point of {operator.kind} is {zero_point}, no whole number from 0 to {LEVELS}")
    return scale, zero_point


def _whole(operator: Operator, name: str, default: int) -> int:
    value = operator.arguments.get(name, default)
    if not isinstance(value, int):
        raise NetError(f"{name} of {operator.kind} is no whole number")
    return value


def _equal(operator: Operator, name: str, default: int = -1) -> int:
    """Return the number that an argument such as `strides` gives for every axis; -1 if they differ."""
    value = operator.arguments.get(name)
    if value is None:
        return default
    if not isinstance(value, tuple) or len(set(value)) != 1:
        return -1
    return value[0]


def plan_of(predict: Net, init: Net, folder: str) -> Plan:
    """Return `make_plan`, for files of a user.

    Raises:
        InputError: they are no such network; names the folder they lie in.
    """
    try:
        return make_plan(predict, init)
    except NetError as error:
        raise InputError(f"{folder} does not hold the tiefenrausch depth network: {error}") from error
