"""recipe.safetensors: the weights of a recipe that repaired them, as they are rounded.

Layers that a recipe rounds are held as int8 at its scales, everything else as float32: what lies here is
exactly what every export computes with, in a quarter of the float weights' bytes.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import InputError
from ..files import atomic_file
from .recipe import INT8_MAX, INT8_MIN, Recipe
from .trace import WRAPPER

LARGEST_BYTES = 1 << 30

Weights = Mapping[str, torch.Tensor]


def write_weights(path: Path, weights: Weights, recipe: Recipe, overwrite: bool = False) -> None:
    """Write the repaired weights of a recipe.

    Args:
        path: of the .safetensors file.
        weights: float32 by "NETWORK.PARAMETER", as `load_graph_weights` takes them.
        recipe: its scales round them.
        overwrite: replace the file.

    Raises:
        InputError: it exists without `overwrite` or cannot be written.
    """
    tensors = {}
    for name, weight in weights.items():
        scales, value = _scales(name, recipe), weight.detach()
        if scales is not None:
            grid = _along_channels(scales, value)
            value = (value / grid).round().clamp(INT8_MIN, INT8_MAX).to(torch.int8)
        tensors[name] = value.contiguous()
    with atomic_file(path, overwrite) as temporary:
        save_file(tensors, temporary)


def read_weights(path: Path, recipe: Recipe) -> dict[str, torch.Tensor]:
    """Read what `write_weights` wrote, as float32 values that the recipe's scales round to themselves.

    Args:
        path: of the .safetensors file.
        recipe: whose weights they are.

    Raises:
        InputError: the file is missing, is no such file, or is of another recipe.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path} is larger than any recipe's weights ({LARGEST_BYTES >> 20} MiB)")
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise InputError(f"the recipe's weights {path} are missing: keep them beside the recipe") from error
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read the recipe's weights {path}: {error}") from error
    rounded = {name: scales for name in tensors if (scales := _scales(name, recipe)) is not None}
    wrong = [
        name
        for name, tensor in tensors.items()
        if (tensor.dtype == torch.int8) != (name in rounded) or not _fits(tensor, rounded.get(name))
    ]
    if wrong:
        raise InputError(f"{path} is of another recipe: {', '.join(sorted(wrong))}")
    return {
        name: tensor.float() * _along_channels(rounded[name], tensor) if name in rounded else tensor
        for name, tensor in tensors.items()
    }


def _scales(name: str, recipe: Recipe) -> tuple[float, ...] | None:
    """Return the scales of a parameter; None where it is not rounded."""
    stage, _, parameter = name.partition(".")
    layer = parameter.removeprefix(f"{WRAPPER}.").removesuffix(".weight")
    network = recipe.networks.get(stage)
    if network is None or layer == parameter.removeprefix(f"{WRAPPER}."):
        return None
    return network.weights.get(layer)


def _fits(tensor: torch.Tensor, scales: tuple[float, ...] | None) -> bool:
    return scales is None or (tensor.ndim > 0 and tensor.shape[0] == len(scales))


def _along_channels(scales: tuple[float, ...], tensor: torch.Tensor) -> torch.Tensor:
    return torch.tensor(scales).view(-1, *[1] * (tensor.ndim - 1))
