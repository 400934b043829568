"""A saved ML Program, loaded: what goes in and out, what it is made of, and its evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...reference.errors import InputError
from .features import Feature, read_feature
from .package import Package, open_package
from .parsing import read_function
from .program import Function
from .schema import model_kind, parse_model

if TYPE_CHECKING:
    from .evaluator import Plan
    from .states import ModelState

_NEWEST_VERSION = 9
"""Specification version of iOS18."""

HALF_MAX = 65504.0
"""The largest finite number of IEEE half precision."""


@dataclass(frozen=True)
class RunStats:
    """What was noticed while a program ran.

    Attributes:
        peak: the largest |activation| before rounding; NaN or infinity if there was one.
        peak_name: the value where it was first reached.
        overflows: fp16 values of the program that went beyond 65504.
    """

    peak: float
    peak_name: str
    overflows: tuple[str, ...]

    @property
    def headroom(self) -> float:
        """How many times the peak fits below 65504."""
        return HALF_MAX / self.peak if self.peak else float("inf")


@dataclass(frozen=True)
class OperationInfo:
    """An operation as it is listed: its type; name, shape (None: open) and element type of its outputs."""

    type: str
    names: tuple[str, ...]
    shapes: tuple[tuple[int | None, ...] | None, ...]
    dtypes: tuple[str, ...]


class MilModel:
    """A saved ML Program. Made by `load`.

    Attributes:
        path: where it was read from.
        inputs: what `predict` takes.
        outputs: what `predict` gives.
        function: the function that is evaluated.
        stats: what was noticed in the last `predict`; None before it.
    """

    def __init__(
        self, path: Path, function: Function, inputs: tuple[Feature, ...], outputs: tuple[Feature, ...]
    ) -> None:
        self.path = path
        self.function = function
        self.inputs = inputs
        self.outputs = outputs
        self.stats: RunStats | None = None
        self._plan: Plan | None = None

    @property
    def operations(self) -> list[OperationInfo]:
        """The operations in the order in which they run, constants left out."""
        return [
            OperationInfo(
                operation.kind,
                tuple(v.name for v in operation.outputs),
                tuple(v.type.shape for v in operation.outputs),
                tuple(v.type.dtype.name for v in operation.outputs),
            )
            for operation in self.function.operations
        ]

    def unsupported(self) -> list[str]:
        """The types of operation in the program that cannot be evaluated here, sorted."""
        from .evaluator import unsupported

        return unsupported(self.function)

    def make_state(self) -> "ModelState":
        """Return a new state of the model, all zeros, for `predict` to read and to change."""
        from .states import ModelState

        return ModelState(self.path, self.function)

    def predict(
        self,
        inputs: dict[str, Any],
        precision: str = "once",
        taps: tuple[str, ...] = (),
        state: "ModelState | None" = None,
    ) -> dict[str, Any]:
        """Evaluate the program.

        Args:
            inputs: name → array; an image is H×W×3 uint8 RGB (or a PIL image), a tensor has the model's own
                shape.
            precision: how fp16 is rounded: "once" after each operation, or "pessimistic", also inside sums
                (32-channel chunks of convolutions and products, reductions, softmax, norms, GELU, SiLU).
                A phone's result lies about between the two. fp32 programs give the same for both.
            taps: names of further values to give: any of the main block.
            state: what `make_state` gave, of a model with states; it is changed.

        Returns:
            name → array of every output, and of every tap (float32 for fp16 values). A value without axes
            comes as an array of one element, as Core ML gives it; a classifier's label is a str or int and
            its probabilities a dict.

        Raises:
            InputError: an input of a wrong name, type or shape, an operation or argument that is unknown,
                a result that is not of its declared shape; the message names the model and the operation.
        """
        from .evaluator import Plan

        if self._plan is None:
            self._plan = Plan(self.function, str(self.path))
        feeds = self._feeds(inputs, state)
        names = dict.fromkeys([feature.name for feature in self.outputs] + list(taps))
        results, self.stats = self._plan.run(feeds, list(names), precision)
        for feature in self.outputs:
            results[feature.name] = feature.from_program(results[feature.name])
        return results

    def _feeds(self, inputs: dict[str, Any], state: "ModelState | None") -> dict[str, Any]:
        features = {feature.name: feature for feature in self.inputs}
        for name in inputs:
            if name not in features:
                raise InputError(f"{self.path} has no input {name!r}; its inputs: {', '.join(features)}")
        feeds: dict[str, Any] = {}
        for value in self.function.inputs:
            if value.type.holder == "state":
                if state is None:
                    raise InputError(
                        f"{self.path}: state {value.name!r} is missing: predict with make_state()"
                    )
                feeds[value.name] = state.of(value)
                continue
            if value.name not in features:
                raise InputError(f"{self.path}: the program's input {value.name!r} is not among the model's")
            feature = features[value.name]
            dtype = value.type.dtype
            try:
                if value.name in inputs:
                    array = feature.to_program(inputs[value.name], dtype)
                else:
                    array = feature.absent(dtype)
            except InputError as error:
                raise InputError(f"{self.path}: {error}") from error
            if value.type.shape == () and array.size == 1:
                array = array.reshape(())  # Core ML hands a value without axes over as one of one element
            if not value.type.admits(array.shape):
                raise InputError(
                    f"{self.path}: input {value.name!r} is declared {value.type}, got {list(array.shape)}"
                )
            feeds[value.name] = array
        return feeds


def _read(package: Package, function_name: str | None) -> MilModel:
    data = package.read_model()
    model = parse_model(data, str(package.model))
    if not model.HasField("mlProgram"):
        kind = model_kind(data)
        raise InputError(f"holds {f'a {kind}' if kind else 'no model that is known'}, not an ML Program")
    if model.specificationVersion > _NEWEST_VERSION:
        raise InputError(
            f"has specification version {model.specificationVersion}; known are those up to "
            f"{_NEWEST_VERSION} (iOS18): convert with an older minimum_deployment_target"
        )
    description = model.description
    functions = {item.name: item for item in description.functions}
    name = function_name or description.defaultFunctionName or "main"
    if name not in model.mlProgram.functions:
        raise InputError(
            f"has no function {name!r}; its functions: {', '.join(sorted(model.mlProgram.functions))}"
        )
    described = functions.get(name, description)
    function = read_function(name, model.mlProgram.functions[name], package)
    inputs = tuple(read_feature(item) for item in described.input)
    outputs = tuple(read_feature(item) for item in described.output)
    for feature in outputs:
        if feature.name not in function.outputs:
            raise InputError(f"output {feature.name!r} of the model is none of its program's")
    return MilModel(package.path, function, inputs, outputs)


def load(path: Path | str, function: str | None = None) -> MilModel:
    """Read a saved ML Program: a .mlpackage folder, or a single .mlmodel file.

    Everything is checked that can be without running it: the package, the weight file, the order of
    operations, the size of every declared shape.

    Args:
        path: the model.
        function: the function to evaluate; by default the model's own default.

    Raises:
        InputError: the model is missing, damaged, no ML Program, or newer than iOS18; one line that names it.
        MissingExtraError: protobuf is not installed.
    """
    package = open_package(Path(path))
    try:
        return _read(package, function)
    except InputError as error:
        message = str(error)
        raise InputError(message if str(path) in message else f"{path}: {message}") from error
