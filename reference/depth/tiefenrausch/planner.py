"""From the pair of nets to a plan: everything is checked before a network is built from it."""

from dataclasses import dataclass

from torch import nn

from ...errors import InputError
from .netdef import Net, Operator
from .plan import Convolution, Doubling, Plan, Range, Sum
from .tensors import MOST_CHANNELS, NetError, Weights, equal, range_of, whole

# A program's sides are multiples of 2^5: feature maps may be halved this often. None is finer than the photo.
MOST_HALVINGS = 5
KERNELS, STRIDES = (1, 3, 5), (1, 2)
PHOTO_CHANNELS = 3
# What a collection of modules cannot call a module.
_TAKEN = frozenset(dir(nn.ModuleDict()))


@dataclass(frozen=True)
class Shape:
    """Channels of a feature map, and how often it was halved against the photo."""

    channels: int
    halvings: int


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
        self.weights = Weights(init)
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
        self.result.photo, self.result.photo_range = output, range_of(operator)
        self._define(output, Shape(PHOTO_CHANNELS, 0), self.result.photo_range)

    def dequantize(self, operator: Operator, output: str) -> None:
        """The result becomes real numbers: here it is."""
        self.renamed[output] = self._source(operator.inputs[0])

    def convolution(self, operator: Operator, output: str) -> None:
        """Int8Conv."""
        name = operator.inputs[1]
        layer = _layer(name)
        if layer in self.result.parameters:
            raise NetError(f"the weight {name!r} names no layer of its own")
        source = self._source(operator.inputs[0])
        shape = self.shapes[source]
        weight = self.weights.weight(name)
        outputs, taken, kernel, _ = weight.shape
        groups, stride = whole(operator, "group", 1), equal(operator, "strides")
        fits = (
            kernel in KERNELS
            and stride in STRIDES
            and outputs <= MOST_CHANNELS
            and 0 < groups <= outputs
            and outputs % groups == 0
            and taken * groups == shape.channels
            and equal(operator, "kernels") == kernel
            and equal(operator, "pads") == kernel // 2
            and equal(operator, "dilations", 1) == 1
        )
        if not fits:
            raise NetError(
                f"the weight {name!r} ({outputs}×{taken}×{kernel}×{kernel}, {groups} groups, "
                f"stride {stride}) does not fit a feature map of {shape.channels} channels"
            )
        bounds = range_of(operator)
        self.result.parameters[layer] = (weight, self.weights.bias(operator.inputs[2], outputs))
        self.result.steps.append(Convolution(layer, source, output, stride, groups, bounds))
        self._define(output, Shape(outputs, shape.halvings + stride - 1), bounds)

    def sum(self, operator: Operator, output: str) -> None:
        """Int8Add."""
        left, right = (self._source(name) for name in operator.inputs)
        if self.shapes[left] != self.shapes[right]:
            raise NetError(f"it adds {self.shapes[left]} and {self.shapes[right]}")
        bounds = range_of(operator)
        self.result.steps.append(Sum(left, right, output, bounds))
        self._define(output, self.shapes[left], bounds)

    def doubling(self, operator: Operator, output: str) -> None:
        """Int8ResizeNearest, which only moves numbers: its result has its input's scale."""
        source = self._source(operator.inputs[0])
        scales = (operator.arguments.get("height_scale"), operator.arguments.get("width_scale"))
        if scales != (2.0, 2.0) or range_of(operator) != self.ranges[source]:
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


_OPERATIONS = {
    "NCHW2NHWC": (1, _Planner.layout),
    "Int8Quantize": (1, _Planner.quantize),
    "Int8Conv": (3, _Planner.convolution),
    "Int8Add": (2, _Planner.sum),
    "Int8ResizeNearest": (1, _Planner.doubling),
    "Int8Dequantize": (1, _Planner.dequantize),
}


def _layer(weight: str) -> str:
    """Return a layer's name from its weight's: `stages_0_1_pw` of `1.stages.0.1.pw.conv.weight_int8`."""
    name = weight.removeprefix("1.").removesuffix("_int8").removesuffix(".weight").removesuffix(".conv")
    layer = name.replace(".", "_")
    if not layer.isidentifier() or layer in _TAKEN:
        raise NetError(f"the weight {weight!r} names no layer")
    return layer


def plan_of(predict: Net, init: Net, folder: str) -> Plan:
    """Return `make_plan`, for files of a user.

    Raises:
        InputError: they are no such network; names the folder they lie in.
    """
    try:
        return make_plan(predict, init)
    except NetError as error:
        raise InputError(f"{folder} does not hold the tiefenrausch depth network: {error}") from error
