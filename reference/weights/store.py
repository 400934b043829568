"""The weights that the package itself carries, as safetensors."""

from importlib import resources
from pathlib import Path

from torch import nn

from ..errors import InputError

# Of the keys that do not fit, an error names this many and counts the rest.
MOST_SHOWN = 5


def embedded_path(name: str) -> Path:
    """Return where an embedded weights file lies."""
    return Path(str(resources.files(__package__) / name))


def load_embedded(network: nn.Module, name: str) -> None:
    """Load the embedded weights file `name` into `network`; every key and shape must fit."""
    load_weights(network, embedded_path(name))


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file into `network`.

    Raises:
        InputError: the file is missing or no safetensors file, or keys or shapes differ (some are named).
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
        more = f"; and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
        raise InputError(f"{path} holds weights of another network: {'; '.join(problems[:MOST_SHOWN])}{more}")
    network.load_state_dict(weights)
