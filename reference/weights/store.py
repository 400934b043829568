"""The weights that the package itself carries, as safetensors."""

from importlib import resources
from pathlib import Path

from torch import nn

from ..errors import InputError


def embedded_path(name: str) -> Path:
    """Return where an embedded weights file lies."""
    return Path(str(resources.files(__package__) / name))


def load_embedded(network: nn.Module, name: str) -> None:
    """Load the embedded weights file `name` into `network`; every key and shape must fit."""
    load_weights(network, embedded_path(name))


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file into `network`.

    Raises:
        InputError: the file is missing or no safetensors file, or keys or shapes differ (all are listed).
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise InputError(f"no weights file at {path}")
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file: {error}") from error
    wanted = network.state_dict()
    problems = [f"missing {key}" for key in wanted if key not in weights]
    problems += [f"unexpected {key}" for key in weights if key not in wanted]
    problems += [
        f"{key} is {tuple(weights[key].shape)}, not {tuple(wanted[key].shape)}"
        for key in wanted
        if key in weights and weights[key].shape != wanted[key].shape
    ]
    if problems:
        raise InputError(f"{path} holds weights of another network: {'; '.join(problems)}")
    network.load_state_dict(weights)
