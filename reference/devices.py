"""Where torch runs: the names of devices, and the half precision that training uses there."""

import torch

from .errors import BackendUnavailableError, InputError


def check_device(name: str) -> torch.device:
    """Return the device of a name such as "cpu", "cuda" or "cuda:1".

    Raises:
        InputError: torch knows no such device.
        BackendUnavailableError: it is not here.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"torch knows no device {name!r}: give cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BackendUnavailableError(f"no CUDA device for {name!r} here: give cpu")
    return device


def training_autocast(device: torch.device) -> torch.autocast:
    """Return the context that a network in training runs in: bfloat16 on a GPU, single precision on a CPU.

    bfloat16 has float32's range, so gradients need no scaling. Losses belong outside of it.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
