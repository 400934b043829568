"""Running a function of an ML Program with torch on the CPU."""

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...reference.errors import InputError
from .model import HALF_MAX, RunStats
from .plan import CONTROL, HANDLER_ERRORS, Binder, Binding, BoundBlock, Step
from .program import Function, Operation
from .registry import Tensors, operations
from .types import MAX_WEIGHTS, DType, TensorType
from .values import State, TensorList, Value, convert, settle, to_tensor

PRECISIONS = ("once", "pessimistic")

MAX_ITERATIONS = 100_000
"""Turns of all while loops of one prediction together; more are refused as a loop without an end."""


def unsupported(function: Function) -> list[str]:
    """The types of operation in a function that cannot be evaluated, sorted."""
    known = {*operations(), *CONTROL}
    return sorted({operation.kind for operation in function.walk()} - known)


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
        unknown = unsupported(function)
        if unknown:
            raise InputError(f"{source}: operations that cannot be evaluated: {', '.join(unknown)}")
        self._types = function.types()
        self._block = Binder(self.fail).bind(function)

    def fail(self, operation: Operation, error: object) -> InputError:
        """The error of an operation, in one line that names it."""
        text = " ".join(str(error).strip().split("\n")[0].split())
        return InputError(f"{self.source}: operation {operation.kind} {operation.name!r}: {text}")

    def run(
        self,
        feeds: Mapping[str, np.ndarray | State],
        wanted: list[str],
        precision: str,
    ) -> tuple[dict[str, Any], RunStats]:
        """Run the function.

        Args:
            feeds: input name → array of the declared shape and type, or state.
            wanted: names of the values to give.
            precision: "once" or "pessimistic".

        Returns:
            Name → array (float32 for fp16 values; a classifier's label and dictionary as they are), and what
            was noticed.

        Raises:
            InputError: an unknown precision or name, or an operation that fails; the message names it.
        """
        if precision not in PRECISIONS:
            raise InputError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
        missing = [name for name in wanted if name not in self._types]
        if missing:
            near = get_close_matches(missing[0], self._types, 1)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise InputError(f"{self.source}: there is no value {missing[0]!r} in the program{hint}")
        values: dict[str, Value] = {}
        watch = _Watch()
        for name, fed in feeds.items():
            if isinstance(fed, State):
                values[name] = fed
                continue
            values[name] = settle(to_tensor(fed, self._types[name].dtype), self._types[name])
            watch.see(name, values[name], self._types[name].dtype)
        with torch.inference_mode():
            _Run(self, precision, watch, frozenset(wanted)).block(self._block, values)
        return {name: self._result(name, values) for name in wanted}, watch.stats()

    def _result(self, name: str, values: Mapping[str, Value]) -> Any:
        found = values.get(name)
        if found is None:
            constant = self.function.constants[name]
            found = to_tensor(constant.data, constant.type.dtype)
        if isinstance(found, (State, TensorList)):
            raise InputError(f"{self.source}: value {name!r} is a {self._types[name]}, no tensor")
        return found.numpy().copy() if isinstance(found, Tensor) else found


class _Run:
    """One prediction."""

    def __init__(self, plan: Plan, precision: str, watch: "_Watch", wanted: frozenset[str]) -> None:
        self._fail = plan.fail
        self._pessimistic = precision == "pessimistic"
        self._watch = watch
        self._wanted = wanted
        self._turns = 0
        self._live = 0

    def block(self, block: BoundBlock, values: MutableMapping[str, Value], inner: bool = False) -> None:
        """Run the operations of a block on the values that its names stand for."""
        for step in block.steps:
            results = self._control(step, values) if step.blocks else self._evaluate(step, values)
            for name, value in results.items():
                values[name] = value
                self._live += _elements(value)
            if self._live > MAX_WEIGHTS:
                raise self._fail(step.operation, "more than 2^31 elements are alive at once: refused")
            for name in step.release:
                if inner or name not in self._wanted:
                    self._live -= _elements(values.pop(name, None))

    def _call(self, block: BoundBlock, values: Mapping[str, Value], arguments: list[Value]) -> list[Value]:
        frame: MutableMapping[str, Value] = ChainMap({}, values)  # type: ignore[arg-type]
        for named, argument in zip(block.inputs, arguments, strict=True):
            frame[named.name] = argument
        before = self._live
        self.block(block, frame, inner=True)
        self._live = before
        return [_value(binding, frame) for binding in block.outputs]

    def _control(self, step: Step, values: Mapping[str, Value]) -> dict[str, Value]:
        operation = step.operation
        given = [_value(b, values) for bindings in step.bound.values() for b in bindings]
        if operation.kind == "cond":
            results = self._call(step.blocks[0 if self._truth(step, given[0]) else 1], values, [])
        else:
            results = given
            while self._truth(step, self._call(step.blocks[0], values, results)[0]):
                self._turns += 1
                if self._turns > MAX_ITERATIONS:
                    raise self._fail(operation, f"loops more than {MAX_ITERATIONS} times: refused")
                results = self._call(step.blocks[1], values, results)
        for declared, value in zip(operation.outputs, results, strict=True):
            if isinstance(value, Tensor) and not declared.type.admits(tuple(value.shape)):
                raise self._fail(
                    operation, f"gives shape {list(value.shape)} where {declared.type} is declared"
                )
        return {declared.name: value for declared, value in zip(operation.outputs, results, strict=True)}

    def _truth(self, step: Step, value: Value) -> bool:
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise self._fail(step.operation, "wants one truth value to decide by")
        return bool(value.item())

    def _evaluate(self, step: Step, values: Mapping[str, Value]) -> dict[str, Value]:
        operation, definition = step.operation, step.definition
        assert definition is not None
        call = replace(step.call, pessimistic=True) if self._pessimistic else step.call
        arguments = dict(step.fixed)
        try:
            for name, bindings in step.bound.items():
                kind = definition.parameters[name]
                if kind == Tensors:
                    arguments[name] = [convert(_value(b, values), Tensor) for b in bindings]
                else:
                    arguments[name] = convert(_value(bindings[0], values), kind)
            result = definition.run(call, **arguments)
            results = list(result) if isinstance(result, (tuple, list)) else [result]
            if result is None:
                results = []
            if len(results) != len(operation.outputs):
                raise InputError(f"gives {len(results)} outputs, {len(operation.outputs)} are declared")
            settled: dict[str, Value] = {}
            for declared, x in zip(operation.outputs, results, strict=True):
                moved = definition.moves and call.dtypes.get(definition.source) == declared.type.dtype
                if moved and isinstance(x, Tensor) and declared.type.holder == "tensor":
                    if not declared.type.admits(tuple(x.shape)):
                        raise InputError(f"gives shape {list(x.shape)} where {declared.type} is declared")
                    settled[declared.name] = x
                    continue
                settled[declared.name] = settle(x, declared.type)
                self._watch.see(declared.name, x, declared.type.dtype)
            return settled
        except (*HANDLER_ERRORS, InputError) as error:
            raise self._fail(operation, error) from error


def _value(binding: Binding, values: Mapping[str, Value]) -> Value:
    return values[binding] if isinstance(binding, str) else binding


def _elements(value: Value | None) -> int:
    return value.numel() if isinstance(value, Tensor) else 0


class _Watch:
    """Keeps the largest |activation|."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._name = ""
        self._overflows: list[str] = []

    def see(self, name: str, x: Value, dtype: DType) -> None:
        if not isinstance(x, Tensor) or not x.is_floating_point() or not x.numel():
            return
        low, high = torch.aminmax(x)
        size = float(torch.maximum(low.abs(), high.abs()))
        if not size <= self._peak and self._peak == self._peak:  # NaN is the highest peak of all
            self._peak, self._name = size, name
        if dtype.is_half and not size <= HALF_MAX:
            self._overflows.append(name)

    def stats(self) -> RunStats:
        return RunStats(self._peak, self._name, tuple(dict.fromkeys(self._overflows)))


def empty_state(declared: TensorType) -> State:
    """A state that holds zeros.

    Raises:
        InputError: its shape is open.
    """
    if declared.shape is None or None in declared.shape:
        raise InputError(f"a {declared} has no shape to make it from")
    shape = tuple(size for size in declared.shape if size is not None)
    return State(declared, to_tensor(np.zeros(shape, declared.dtype.numpy), declared.dtype))
