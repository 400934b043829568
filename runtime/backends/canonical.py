"""Between the program's own tensors and those that a file declares: layout, range, quantisation."""

from collections.abc import Mapping

import numpy as np

from ...reference.errors import InputError
from ..manifest import TensorSpec
from .protocol import Runner

# The program's own layouts: N batch, L layers, C channels, H rows, W columns.
CANONICAL = {4: "NCHW", 5: "NLCHW"}


def to_declared(tensor: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Bring a canonical float tensor with values in [0, 1] to what the file declares.

    Raises:
        InputError: the shape does not fit.
    """
    moved = np.transpose(tensor, [CANONICAL[tensor.ndim].index(axis) for axis in spec.layout])
    if moved.shape != spec.shape:
        raise InputError(f"input {spec.name!r} is {spec.layout} {spec.shape}, got {moved.shape}")
    low, high = spec.range
    real = moved * (high - low) + low if spec.kind == "image" else moved
    if spec.scale is not None:
        info = np.iinfo(spec.dtype)
        real = np.clip(np.round(real / spec.scale) + (spec.zero_point or 0), info.min, info.max)
    elif np.issubdtype(np.dtype(spec.dtype), np.integer):
        real = np.round(real)
    return np.ascontiguousarray(real.astype(spec.dtype))


def to_canonical(tensor: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Bring an output as the file declares it to the program's own float32 layout.

    Raises:
        InputError: the runtime gave another shape than declared.
    """
    if tuple(tensor.shape) != spec.shape:
        raise InputError(
            f"output {spec.name!r} is declared {spec.shape}, the runtime gave {tuple(tensor.shape)}"
        )
    real = tensor.astype(np.float32)
    if spec.scale is not None:
        real = (real - (spec.zero_point or 0)) * np.float32(spec.scale)
    canonical = CANONICAL[tensor.ndim]
    return np.ascontiguousarray(np.transpose(real, [spec.layout.index(axis) for axis in canonical]))


def run_canonical(
    runner: Runner,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    tensors: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Run a file on canonical tensors by name and return canonical outputs by name."""
    declared = {spec.name: to_declared(tensors[spec.name], spec) for spec in inputs}
    result = runner.infer(declared)
    return {spec.name: to_canonical(result[spec.name], spec) for spec in outputs}
