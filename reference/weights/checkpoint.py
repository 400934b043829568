"""Checkpoints of published networks: read without running anything in them, and fitted key by key."""

import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch

from ..errors import InputError

# The largest of the published checkpoints has 200 MiB; what a file says of its own size is not trusted.
LARGEST_BYTES = 1 << 30


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict: safetensors by its suffix, else what `torch.save` writes, running nothing in it.

    Raises:
        InputError: the file is missing, too large, broken, would run code, or holds no state dict.
    """
    weights = read_safetensors(path) if path.suffix == ".safetensors" else _read_pickled(path)
    if not isinstance(weights, dict) or not weights or not all(map(_is_entry, weights, weights.values())):
        raise InputError(
            f"{path} holds no state dict (names and plain tensors): give the published checkpoint"
        )
    return dict(weights)


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file, whatever its suffix.

    Raises:
        InputError: the file is missing, too large or broken.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _check_file(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file: {error}") from error


def fit(
    path: Path, weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return `weights` in the order and the types of `wanted`, contiguous.

    Args:
        path: where they are from, for the error.
        weights: what was read.
        wanted: a tensor of the right shape and type by key; on the meta device, say.

    Raises:
        InputError: keys are missing, unknown, or of another shape or kind; all of them are named, sorted.
    """
    missing = sorted(wanted.keys() - weights.keys())
    unknown = sorted(weights.keys() - wanted.keys())
    both = sorted(wanted.keys() & weights.keys())
    shapes = [
        f"{key} is {tuple(weights[key].shape)}, not {tuple(wanted[key].shape)}"
        for key in both
        if weights[key].shape != wanted[key].shape
    ]
    kinds = [
        f"{key} is {weights[key].dtype}"
        for key in both
        if weights[key].is_floating_point() != wanted[key].is_floating_point()
    ]
    groups = {"missing": missing, "unexpected": unknown, "of another shape": shapes, "of another kind": kinds}
    problems = [f"{name}: {', '.join(keys)}" for name, keys in groups.items() if keys]
    if problems:
        raise InputError(f"{path} holds weights of another network; {'; '.join(problems)}")
    return {key: weights[key].to(like.dtype).contiguous() for key, like in wanted.items()}


def _check_file(path: Path) -> None:
    """Refuse what is no file, or too large as it lies there or once its records are unpacked."""
    if not path.is_file():
        raise InputError(f"no weights file at {path}")
    unpacked = path.stat().st_size
    if unpacked <= LARGEST_BYTES and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                unpacked = max(unpacked, sum(record.file_size for record in archive.infolist()))
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{path} is no readable checkpoint: {error}") from error
    if unpacked > LARGEST_BYTES:
        raise InputError(f"{path} has {unpacked} bytes of weights; at most {LARGEST_BYTES} are read")


def _read_pickled(path: Path) -> object:
    _check_file(path)
    try:
        with warnings.catch_warnings():
            # Of a pickle of another protocol torch warns before it reads or refuses it.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # A broken pickle can raise anything.
        forbidden = re.search(r"GLOBAL (\S+)", str(error))
        if forbidden:
            raise InputError(
                f"{path} calls {forbidden[1]} when it is unpickled: refused, nothing of it was run; "
                "give a state dict of plain tensors"
            ) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is no readable checkpoint: {reason}") from error


def _is_entry(key: object, value: object) -> bool:
    if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        return False
    return value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
