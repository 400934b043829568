"""How much a stage amplifies: so that a report can say whether a difference was made or merely passed on."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...reference.errors import InputError
from .scores import nonfinite, same_shape

Arrays = np.ndarray | Mapping[str, np.ndarray]
# The name that a single output goes by.
OUTPUT = "output"


def gain(
    function: Callable[[Any], Arrays], value: Arrays, epsilon: float, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Measure the change out over the change in, for a small random change of the input.

    Every input value moves by a draw from U(−epsilon, epsilon), without clipping to any range.

    Args:
        function: the stage: the input to an array, or to named arrays. It must be deterministic.
        value: a float array or named float arrays; moved together.
        epsilon: half-width of the change, > 0, in the input's unit.
        seed: of the random generator.

    Returns:
        for each output (a single one is called `output`): `max` = max|Δout| / max|Δin| and `l1` =
        mean|Δout| / mean|Δin|; means, so that outputs and inputs of different sizes can be compared.

    Raises:
        InputError: epsilon is not above 0, the input does not change in its precision, outputs differ in
            name or shape between the two runs, or are not finite.
    """
    if not epsilon > 0:
        raise InputError(f"the change must be above 0, got {epsilon}")
    random = np.random.default_rng(seed)
    inputs = {name: np.asarray(array) for name, array in _named(value).items()}
    moved = {
        name: (array + random.uniform(-epsilon, epsilon, array.shape)).astype(array.dtype)
        for name, array in inputs.items()
    }
    before = _named(function(value))
    after = _named(function(moved if isinstance(value, Mapping) else moved[OUTPUT]))
    if before.keys() != after.keys():
        raise InputError(f"the outputs changed from {sorted(before)} to {sorted(after)}")
    change = _change([(inputs[name], moved[name]) for name in inputs])
    if change[0] == 0:
        raise InputError(f"a change of {epsilon} is lost in the input's precision: take a larger one")
    gains = {}
    for name, array in before.items():
        same_shape(f"output {name!r}", array, after[name])
        if nonfinite(array) or nonfinite(after[name]):
            raise InputError(f"output {name!r} is not finite, so it has no gain")
        out = _change([(array, after[name])])
        gains[name] = {"max": out[0] / change[0], "l1": out[1] / change[1]}
    return gains


def _named(arrays: Arrays) -> Mapping[str, np.ndarray]:
    return arrays if isinstance(arrays, Mapping) else {OUTPUT: arrays}


def _change(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Return the largest and the mean absolute change of pairs of arrays."""
    changes = np.concatenate([np.abs(b.astype(np.float64) - a).ravel() for a, b in pairs])
    return float(changes.max()), float(changes.mean())
