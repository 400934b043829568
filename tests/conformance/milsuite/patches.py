"""What coremltools' tests ask before they predict, and how closely they look at the result.

Off the Mac the tests stop silently before the prediction: they ask for the system and its version. Here those
questions, and no others, are answered as on macOS 15.5. The converter itself never asks them (in coremltools
9.0 `_is_macos`, `_macos_version` and `_IS_MACOS` are used by tests, by `MLModel` for predictions and by the
quantiser of the neural network format), so that the models are those of any other machine.
"""

import platform
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from inspect import signature
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

MACOS = (15, 5)
HALF_ATOL, HALF_RTOL = 2e-2, 1e-2
"""The tolerance of fp16 here; coremltools' own is 0.5 and 0.05, or 100 times a test's where that is more."""


def answer_as_macos() -> None:
    """Let the tests believe that predictions are possible."""
    import coremltools
    from coremltools import _deps
    from coremltools.models import _compiled_model, model, utils

    _deps._IS_MACOS = True
    for module in (model, utils, _compiled_model, coremltools.utils):
        for name, answer in (("_is_macos", lambda: True), ("_macos_version", lambda: MACOS)):
            if hasattr(module, name):
                setattr(module, name, answer)


@contextmanager
def answer_as_apple_silicon() -> Iterator[None]:
    """Let the torch suite choose its frontends as on Apple silicon: on x86-64 it leaves torch.export out."""
    with patch.object(platform, "machine", lambda: "arm64"):
        yield


def leave_garbage_to_python() -> None:
    """Keep conversions from collecting garbage, nine tenths of a run with thousands of tests in memory."""
    from coremltools.converters import _converters_entry

    _converters_entry.gc = types.SimpleNamespace(collect=lambda: 0)


def stand_in_for(name: str) -> None:
    """Let modules that import a package be collected where it is missing; a test that uses it is skipped."""
    if find_spec(name) is not None:
        return

    class Missing(types.ModuleType):
        def __getattr__(self, attribute: str) -> Any:
            return getattr(Unusable(f"{name} is not installed"), attribute)

    module = Missing(name)
    module.__spec__ = ModuleSpec(name, None)
    sys.modules[name] = module


class Unusable:
    """Something of a missing package: skips the test that calls it."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __call__(self, *args: object, **kwargs: object) -> Any:
        pytest.skip(self._reason)

    def __getattr__(self, name: str) -> Any:
        # What pytest looks for in everything that it finds in a module is not there.
        if name.startswith(("_", "pytest")):
            raise AttributeError(name)
        return Unusable(self._reason)


class Tolerance:
    """Sets the tolerance of comparisons while one of coremltools' comparing functions runs.

    It is what the test asks for; where the program that was predicted holds fp16 values, whatever the test
    calls itself, at least `HALF_ATOL` and `HALF_RTOL`.

    Attributes:
        half: whether it does.
    """

    def __init__(self) -> None:
        self.half = False
        self._own: list[tuple[float, float]] = []

    def instead_of_its_own(self, compare: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function with the arguments `atol` and `rtol`, which widens them for fp16 by itself."""
        wanted = signature(compare)

        @wraps(compare)
        def run(*args: Any, **kwargs: Any) -> Any:
            bound = wanted.bind(*args, **kwargs)
            bound.apply_defaults()
            self._own.append((bound.arguments["atol"], bound.arguments["rtol"]))
            try:
                return compare(*args, **kwargs)
            finally:
                self._own.pop()

        return run

    def apply(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a comparison, with this tolerance if a wrapped function is running."""
        if not self._own or not {"atol", "rtol"} <= kwargs.keys():
            return kwargs
        atol, rtol = self._own[-1]
        if self.half:
            atol, rtol = max(atol, HALF_ATOL), max(rtol, HALF_RTOL)
        return kwargs | {"atol": atol, "rtol": rtol}


_COMPARISONS = (
    (np, ("allclose", "isclose", "array_equal")),
    (
        np.testing,
        (
            "assert_allclose",
            "assert_almost_equal",
            "assert_array_almost_equal",
            "assert_array_equal",
            "assert_array_less",
            "assert_equal",
        ),
    ),
)


def watch_comparisons(tolerance: Tolerance, seen: Callable[[tuple[Any, ...]], None]) -> None:
    """Set the tolerance of every comparison that test code makes with numpy, and tell `seen` its values."""

    def watched(compare: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(compare)
        def run(*args: Any, **kwargs: Any) -> Any:
            result = compare(*args, **tolerance.apply(kwargs))
            if is_test_code(sys._getframe(1).f_code.co_filename):
                seen(args)
            return result

        return run

    for module, names in _COMPARISONS:
        for name in names:
            setattr(module, name, watched(getattr(module, name)))


def is_test_code(path: str) -> bool:
    """Whether a source file belongs to coremltools' tests."""
    parts = path.replace("\\", "/").split("/")
    return "coremltools" in parts and (
        parts[-1] == "testing_utils.py" or bool({"test", "tests"} & set(parts))
    )
