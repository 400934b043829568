"""What a training has come to: weights, their moving average, the optimiser, the log; on disk and back."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from ..errors import InputError
from ..files import atomic_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one training run."""

    # Optimiser steps.
    steps: int = 6000
    # Highest learning rate of AdamW; warmed up over 3 % of the steps, then a cosine down to 1 % of it.
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    # Of the moving average of the weights, which is what is saved.
    average_decay: float = 0.998
    # Norm that gradients are clipped to.
    largest_gradient: float = 1.0
    # Of the network's first weights; the scenes have a seed of their own.
    seed: int = 0
    # A line of the log every so many steps.
    log_every: int = 100
    # A checkpoint, and an evaluation, every so many steps.
    save_every: int = 500


class State:
    """The moving parts of one training.

    Args:
        network, optimiser: changed in place by `load`.
        config: a checkpoint of another one is refused.

    Attributes:
        mean: the moving average of the weights, by name.
        rows: of the log.
    """

    def __init__(self, network: nn.Module, optimiser: torch.optim.Optimizer, config: TrainingConfig) -> None:
        self.network, self.optimiser, self.config = network, optimiser, config
        self.mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.rows: list[dict[str, float]] = []

    def average(self, decay: float) -> None:
        """Move the averaged weights a little towards the network's; counters are copied."""
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.mean[name].lerp_(value.detach(), 1 - decay)
            else:
                self.mean[name].copy_(value)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the network hold the averaged weights for a while."""
        own = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.mean)
        try:
            yield
        finally:
            self.network.load_state_dict(own)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add a row to the log."""
        row = {"step": step, **{name: round(value, 5) for name, value in numbers.items()}}
        self.rows.append(row)
        logger.info("%s", json.dumps(row))

    def save(self, path: Path, step: int) -> None:
        """Write a checkpoint after `step` steps."""
        held = {
            "config": asdict(self.config),
            "step": step,
            "network": self.network.state_dict(),
            "mean": self.mean,
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "rows": self.rows,
        }
        with atomic_file(path, overwrite=True) as file:
            torch.save(held, file)

    def load(self, path: Path) -> int:
        """Take up a checkpoint; return how many steps were done.

        Raises:
            InputError: it is damaged or of another training.
        """
        try:
            held: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            if held["config"] != asdict(self.config):
                raise InputError(
                    f"{path} is of a training with other settings: give the same, or remove it to begin anew"
                )
            self.network.load_state_dict(held["network"])
            self.optimiser.load_state_dict(held["optimiser"])
            self.mean = {name: held["mean"][name].to(own.device) for name, own in self.mean.items()}
            torch.set_rng_state(held["random"])
            self.rows, step = list(held["rows"]), int(held["step"])
        except (OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError, UnpicklingError) as error:
            raise InputError(f"{path} is no checkpoint of this training: remove it to begin anew") from error
        return step


def write_weights(weights: Mapping[str, torch.Tensor], path: Path, overwrite: bool = True) -> None:
    """Write weights as safetensors."""
    with atomic_file(path, overwrite) as file:
        save_file({name: value.cpu().contiguous() for name, value in weights.items()}, file)
