"""Running a function of an ML Program with torch on the CPU."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .model import HALF_MAX, RunStats
from .precision import to_half
from .program import Constant, Function, Operation
from .registry import Bools, Call, Definition, Ints, Tensors, operations
from .types import DType, TensorType

PRECISIONS = ("once", "pessimistic")
# Whatever torch or Python raises on arguments that make no sense becomes one line that names the operation.
_HANDLER_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, MemoryError)


def to_tensor(array: np.ndarray, dtype: DType) -> Tensor:
    """Hold an array as the evaluator does: floats as float32 (fp64 as it is), integers as int32 or int64."""
    if dtype.kind == "float":
        return torch.from_numpy(np.asarray(array, np.float64 if dtype.name == "fp64" else np.float32))
    if dtype.kind == "int":
        wide = dtype.bits == 64 or dtype.name == "uint32"
        return torch.from_numpy(np.asarray(array, np.int64 if wide else np.int32))
    return torch.from_numpy(np.asarray(array))


def settle(x: Tensor, declared: TensorType) -> Tensor:
    """Cast a result to its declared type and check its shape.

    Raises:
        InputError: the shape is another, or a number of another kind (an integer where a float is declared).
    """
    if not declared.admits(tuple(x.shape)):
        raise InputError(f"gives shape {list(x.shape)} where {declared} is declared")
    kind = "bool" if x.dtype == torch.bool else "float" if x.is_floating_point() else "int"
    dtype = declared.dtype
    if kind != dtype.kind:
        raise InputError(f"gives {kind} values where {declared} is declared")
    if dtype.is_half:
        return to_half(x)
    if kind == "float":
        return x.to(torch.float64 if dtype.name == "fp64" else torch.float32)
    if kind == "bool":
        return x
    if dtype.bits < 32 and x.numel():
        low, high = (int(v) for v in torch.aminmax(x))
        if low < dtype.limits[0] or high > dtype.limits[1]:
            raise InputError(f"gives values {low}..{high}, which {dtype.name} cannot hold")
    return x.to(torch.int64 if dtype.bits == 64 or dtype.name == "uint32" else torch.int32)


def _convert(value: Tensor | np.ndarray, kind: Any) -> Any:
    """Hand a value over as a handler's annotation asks."""
    if kind in (Tensor, Tensors):
        return value
    if kind in (Ints, Bools):
        return tuple(value.reshape(-1).tolist())
    if value.shape not in ((), (1,)):
        raise InputError(f"wants one value, got shape {list(value.shape)}")
    return kind(value.item())


@dataclass
class _Step:
    operation: Operation
    definition: Definition
    call: Call
    fixed: dict[str, Any]
    bound: dict[str, tuple[str | Tensor, ...]]
    release: list[str]


class Plan:
    """A function made ready to run: arguments that are constants are bound once.

    Args:
        function: what to run.
        source: the model's path, for error messages.

    Raises:
        InputError: an operation or an argument of one is unknown, or an argument is missing.
    """

    def __init__(self, function: Function, source: str) -> None:
        self.function = function
        self.source = source
        known = operations()
        unknown = sorted({op.kind for op in function.operations if op.nested or op.kind not in known})
        if unknown:
            raise InputError(f"{source}: operations that cannot be evaluated: {', '.join(unknown)}")
        self._types = function.types()
        # A large constant that several operations use is decoded once.
        self._decoded: dict[str, Tensor] = {}
        self._steps = [self._bind(op, known[op.kind]) for op in function.operations]
        last_use = {name: i for i, step in enumerate(self._steps) for name in _names(step)}
        for i, step in enumerate(self._steps):
            step.release = [name for name in _names(step) if last_use[name] == i]
            step.release += [v.name for v in step.operation.outputs if v.name not in last_use]

    def _fail(self, operation: Operation, error: object) -> InputError:
        return InputError(f"{self.source}: operation {operation.kind} {operation.name!r}: {error}")

    def _constant(self, binding: str | Constant) -> Constant | None:
        return binding if isinstance(binding, Constant) else self.function.constants.get(binding)

    def _tensor(self, binding: str | Constant, constant: Constant) -> Tensor:
        if isinstance(binding, Constant):
            return to_tensor(constant.data, constant.type.dtype)
        if binding not in self._decoded:
            self._decoded[binding] = to_tensor(constant.data, constant.type.dtype)
        return self._decoded[binding]

    def _bind(self, operation: Operation, definition: Definition) -> _Step:
        given, wanted = operation.inputs, definition.parameters
        for name in given:
            if name not in wanted:
                raise self._fail(operation, f"unknown argument {name!r}; known: {', '.join(wanted)}")
        for name in sorted(definition.required):
            if not given.get(name):
                raise self._fail(operation, f"argument {name!r} is missing")
        fixed: dict[str, Any] = {}
        bound: dict[str, tuple[str | Tensor, ...]] = {}
        dtypes: dict[str, DType] = {}
        for name, bindings in given.items():
            kind = wanted[name]
            if not bindings:
                continue
            if len(bindings) != 1 and kind != Tensors:
                raise self._fail(operation, f"argument {name!r} wants one value, got {len(bindings)}")
            constants = [self._constant(binding) for binding in bindings]
            first = constants[0]
            dtypes[name] = first.type.dtype if first else self._types[str(bindings[0])].dtype
            if kind in (Tensor, Tensors):
                values = tuple(
                    self._tensor(binding, constant) if constant else str(binding)
                    for binding, constant in zip(bindings, constants, strict=True)
                )
                bound[name] = values
            elif first is None:
                bound[name] = (str(bindings[0]),)
            else:
                try:
                    if (kind is str) != (first.type.dtype.kind == "string"):
                        raise InputError(f"wants {kind.__name__}, got {first.type}")
                    fixed[name] = _convert(first.data, kind)
                except (*_HANDLER_ERRORS, InputError) as error:
                    raise self._fail(operation, f"argument {name!r}: {error}") from error
        call = Call(dtypes, tuple(value.type for value in operation.outputs))
        return _Step(operation, definition, call, fixed, bound, [])

    def run(
        self, feeds: dict[str, np.ndarray], wanted: list[str], precision: str
    ) -> tuple[dict[str, np.ndarray], RunStats]:
        """Run the function.

        Args:
            feeds: input name → array of the declared shape and type.
            wanted: names of the values to give.
            precision: "once" or "pessimistic".

        Returns:
            Name → array (float32 for fp16 values), and what was noticed.

        Raises:
            InputError: an unknown precision or name, or an operation that fails; the message names it.
        """
        if precision not in PRECISIONS:
            raise InputError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
        missing = [name for name in wanted if name not in self._types]
        if missing:
            raise InputError(f"{self.source}: there is no value {missing[0]!r} in the program")
        values = {
            name: settle(to_tensor(array, self._types[name].dtype), self._types[name])
            for name, array in feeds.items()
        }
        kept: dict[str, Tensor] = {}
        watch = _Watch()
        for name, value in values.items():
            watch.see(name, value, self._types[name].dtype)
        with torch.inference_mode():
            for step in self._steps:
                for name, value in self._evaluate(step, values, precision, watch).items():
                    values[name] = value
                for name in step.release:
                    if name in values:
                        value = values.pop(name)
                        if name in wanted:
                            kept[name] = value
        results = {}
        for name in wanted:
            found = kept.get(name, values.get(name))
            if found is None:
                constant = self.function.constants[name]
                found = to_tensor(constant.data, constant.type.dtype)
            results[name] = found.numpy().copy()
        return results, watch.stats()

    def _evaluate(
        self, step: _Step, values: dict[str, Tensor], precision: str, watch: "_Watch"
    ) -> dict[str, Tensor]:
        operation, definition = step.operation, step.definition
        call = replace(step.call, pessimistic=True) if precision == "pessimistic" else step.call
        arguments = dict(step.fixed)
        try:
            for name, bindings in step.bound.items():
                kind = definition.parameters[name]
                tensors = [values[b] if isinstance(b, str) else b for b in bindings]
                arguments[name] = tensors if kind == Tensors else _convert(tensors[0], kind)
            result = definition.run(call, **arguments)
            results = list(result) if isinstance(result, (tuple, list)) else [result]
            if len(results) != len(operation.outputs):
                raise InputError(f"gives {len(results)} outputs, {len(operation.outputs)} are declared")
            settled = {}
            for declared, x in zip(operation.outputs, results, strict=True):
                if definition.moves and call.dtypes.get(definition.source) == declared.type.dtype:
                    if not declared.type.admits(tuple(x.shape)):
                        raise InputError(f"gives shape {list(x.shape)} where {declared.type} is declared")
                    settled[declared.name] = x
                    continue
                settled[declared.name] = settle(x, declared.type)
                watch.see(declared.name, x, declared.type.dtype)
            return settled
        except (*_HANDLER_ERRORS, InputError) as error:
            raise self._fail(operation, str(error).strip().split("\n")[0]) from error


class _Watch:
    """Keeps the largest |activation|."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._name = ""
        self._overflows: list[str] = []

    def see(self, name: str, x: Tensor, dtype: DType) -> None:
        if dtype.kind != "float" or not x.numel():
            return
        low, high = torch.aminmax(x)
        size = float(torch.maximum(low.abs(), high.abs()))
        if not size <= self._peak and self._peak == self._peak:  # NaN is the highest peak of all
            self._peak, self._name = size, name
        if dtype.is_half and not size <= HALF_MAX:
            self._overflows.append(name)

    def stats(self) -> RunStats:
        return RunStats(self._peak, self._name, tuple(self._overflows))


def _names(step: _Step) -> list[str]:
    found = [binding for bindings in step.bound.values() for binding in bindings if isinstance(binding, str)]
    return list(dict.fromkeys(found))
