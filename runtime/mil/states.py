"""States: tensors that outlive a prediction (iOS18)."""

from pathlib import Path

import numpy as np
from torch import Tensor

from ...reference.errors import InputError
from .evaluator import empty_state
from .program import Function, Named
from .registry import Call, operation
from .values import State, to_tensor


class ModelState:
    """The states of one model, as coremltools' MLState: made by `MilModel.make_state`.

    Args:
        path: of the model, for error messages.
        function: whose states they are.

    Raises:
        InputError: a state has no fixed shape.
    """

    def __init__(self, path: Path, function: Function) -> None:
        self._path = path
        self._states = {
            value.name: empty_state(value.type) for value in function.inputs if value.type.holder == "state"
        }

    def _find(self, name: str) -> State:
        if name not in self._states:
            raise InputError(
                f"{self._path} has no state {name!r}; its states: {', '.join(self._states) or 'none'}"
            )
        return self._states[name]

    def of(self, value: Named) -> State:
        """Return the state of a program's input.

        Raises:
            InputError: there is none of that name and type.
        """
        state = self._find(value.name)
        if state.type != value.type:
            raise InputError(f"{self._path}: state {value.name!r} is a {state.type}, wanted a {value.type}")
        return state

    def read_state(self, name: str) -> np.ndarray:
        """Return a copy of what a state holds.

        Raises:
            InputError: there is no such state.
        """
        state = self._find(name)
        return state.value.numpy().astype(state.type.dtype.numpy)

    def write_state(self, name: str, value: np.ndarray) -> None:
        """Replace what a state holds.

        Raises:
            InputError: there is no such state, or it has another shape.
        """
        state = self._find(name)
        if value.shape != state.value.shape:
            raise InputError(
                f"{self._path}: state {name!r} has shape {list(state.value.shape)}, got {list(value.shape)}"
            )
        state.value = to_tensor(value.astype(state.type.dtype.numpy), state.type.dtype)


@operation("read_state", moves=True)
def read_state(call: Call, input: State) -> Tensor:
    """What a state holds."""
    return input.value


@operation("write_state")
def write_state(call: Call, input: State, data: Tensor) -> None:
    """Replace what a state holds."""
    if data.shape != input.value.shape:
        raise InputError(f"writes shape {list(data.shape)} to a {input.type}")
    input.value = data.clone()
