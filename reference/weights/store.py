"""The weights that the package itself carries, as safetensors."""

from importlib import resources
from pathlib import Path

from torch import nn

from .checkpoint import fit, read_safetensors


def embedded_path(name: str) -> Path:
    """Return where an embedded weights file lies."""
    return Path(str(resources.files(__package__) / name))


def load_embedded(network: nn.Module, name: str) -> None:
    """Load the embedded weights file `name` into `network`; every key and shape must fit."""
    load_weights(network, embedded_path(name))


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file into `network`.

    Raises:
        InputError: the file is missing or no safetensors file, or keys, shapes or kinds differ: see `fit`.
    """
    network.load_state_dict(fit(path, read_safetensors(path), network.state_dict()))
