"""Programs converted and saved by coremltools, for the evaluator to read back."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ldikit.runtime.mil import MilModel, load

logging.getLogger("coremltools").setLevel(logging.ERROR)


@pytest.fixture(scope="session")
def ct() -> Any:
    return pytest.importorskip("coremltools", reason="the coreml extra is not installed")


@pytest.fixture(scope="module")
def save(ct: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """save(model) → path of the .mlpackage."""

    def run(model: Any) -> Path:
        path = tmp_path_factory.mktemp("package") / "model.mlpackage"
        model.save(str(path))
        return path

    return run


@pytest.fixture(scope="module")
def build(ct: Any, save: Callable[..., Path]) -> Callable[..., MilModel]:
    """build(function, shape, ...) → loaded model of a program written with the MIL builder.

    The function gets the builder's inputs x, y, ... and returns a dict of outputs.
    """
    from coremltools.converters.mil import mil

    mb, types = mil.Builder, mil.types

    def run(
        function: Callable[..., dict[str, Any]],
        *shapes: tuple[int, ...],
        dtype: str = "fp32",
        target: str = "iOS17",
        half: bool = False,
    ) -> MilModel:
        specs = [mb.TensorSpec(shape=shape, dtype=getattr(types, dtype)) for shape in shapes]

        def body(*inputs: Any) -> tuple[Any, ...]:
            return tuple(mb.identity(x=value, name=name) for name, value in function(*inputs).items())

        names = ["x", "y", "z"][: len(shapes)]
        scope: dict[str, Any] = {"body": body}
        exec(f"def program({', '.join(names)}):\n    return body({', '.join(names)})", scope)
        opset = getattr(ct.target, target)
        program = mb.program(input_specs=specs, opset_version=opset)(scope["program"])
        model = ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=opset,
            compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
            skip_model_load=True,
        )
        return load(save(model))

    return run


@pytest.fixture(scope="module")
def convert(ct: Any, save: Callable[..., Path]) -> Callable[..., MilModel]:
    """convert(module, *inputs) → loaded model of an exported torch module."""
    import torch

    def run(module: Any, *inputs: Any, half: bool = False, target: str = "iOS17", **options: Any) -> MilModel:
        exported = torch.export.export(module.eval(), inputs).run_decompositions({})
        model = ct.convert(
            exported,
            convert_to="mlprogram",
            minimum_deployment_target=getattr(ct.target, target),
            compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
            skip_model_load=True,
            **options,
        )
        return load(save(model))

    return run


@pytest.fixture(scope="session")
def relative_error() -> Callable[[np.ndarray, np.ndarray], float]:
    """Largest difference over the range of the wanted values."""

    def run(got: np.ndarray, wanted: np.ndarray) -> float:
        assert got.shape == wanted.shape
        wanted = wanted.astype(np.float64)
        span = max(float(wanted.max() - wanted.min()), 1e-6)
        return float(np.abs(got.astype(np.float64) - wanted).max()) / span

    return run
