"""The training loop that both pocket networks share: seeded, with progress, writing safetensors."""

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from ..files import atomic_file
from ..progress import track

logger = logging.getLogger(__name__)

Batch = Mapping[str, np.ndarray]


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


def learning_rate_at(step: int, config: TrainingConfig) -> float:
    """Return the learning rate of one step: linear warm-up, then half a cosine."""
    warm = max(1, int(0.03 * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, config.steps - warm)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def train(
    network: nn.Module,
    loss_of: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
    batches: Iterator[Batch],
    output: Path,
    config: TrainingConfig,
    overwrite: bool = False,
) -> dict[str, float]:
    """Train `network` and write the moving average of its weights to `output` (safetensors).

    Args:
        network: trained in place.
        loss_of: terms of the loss of one batch by name; they are added up.
        batches: float32 arrays by name.
        output: where the weights go, beside a log of one JSON line every `log_every` steps.
        config: see `TrainingConfig`.
        overwrite: replace an existing `output`.

    Returns:
        The mean of every term over the last tenth of the steps.

    Raises:
        InputError: `output` exists without `overwrite` or cannot be written.
        FloatingPointError: the loss is not finite.
    """
    torch.manual_seed(config.seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    recent: list[dict[str, float]] = []
    network.train()
    with (
        atomic_file(output, overwrite) as weights_file,
        atomic_file(output.with_suffix(".log.jsonl"), overwrite) as log_file,
        log_file.open("w") as log,
    ):
        for step in track(range(config.steps), f"training {output.stem}"):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate_at(step, config)
            terms = loss_of({name: torch.from_numpy(array) for name, array in next(batches).items()})
            loss = torch.stack(list(terms.values())).sum()
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is not finite at step {step}: {terms}")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), config.largest_gradient)
            optimiser.step()
            _average(average, network, min(config.average_decay, (step + 1) / (step + 10)))
            recent.append({name: float(value.detach()) for name, value in terms.items()})
            if (step + 1) % config.log_every == 0 or step + 1 == config.steps:
                _log(log, step + 1, recent[-config.log_every :])
        save_file({name: value.contiguous() for name, value in average.items()}, weights_file)
    return _means(recent[-max(1, config.steps // 10) :])


def _average(average: dict[str, torch.Tensor], network: nn.Module, decay: float) -> None:
    """Move the averaged weights a little towards the network's; counters are copied."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value.detach(), 1 - decay)
        else:
            average[name].copy_(value)


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[-1]}


def _log(log: TextIO, step: int, rows: list[dict[str, float]]) -> None:
    means = {name: round(value, 5) for name, value in _means(rows).items()}
    log.write(json.dumps({"step": step, **means}) + "\n")
    log.flush()
    logger.info("step %d: %s", step, means)
