"""The training loop that both pocket networks share: seeded, resumable, with progress and a plot."""

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..files import atomic_file, check_new
from ..progress import track
from .plot import loss_plot
from .state import State, TrainingConfig, write_weights

logger = logging.getLogger(__name__)

Batch = Mapping[str, np.ndarray]


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
    batches: Callable[[int], Iterator[Batch]],
    output: Path,
    config: TrainingConfig,
    overwrite: bool = False,
    groups: list[dict[str, Any]] | None = None,
    evaluate: Callable[[Any], dict[str, float]] | None = None,
    finish: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] | None = None,
) -> dict[str, float]:
    """Train `network` and write the moving average of its weights to `output` (safetensors).

    Every `config.save_every` steps a checkpoint is written beside the output; a training that was cut off
    goes on from there when it is started again with the same settings. It is removed at the end.

    Args:
        network: trained in place, on the device that it is on.
        loss_of: terms of the loss of one batch by name; they are added up.
        batches: called with the step to begin at; gives float32 arrays by name.
        output: where the weights go, beside a log of one JSON line every `log_every` steps and a plot of it.
        config: see `TrainingConfig`.
        overwrite: replace an existing `output`.
        groups: of parameters, each with the `rate` that its learning rate is multiplied by; None: all alike.
        evaluate: called every `save_every` steps with the network holding the averaged weights; its numbers
            are logged.
        finish: makes what is written of the averaged weights; None writes them as they are.

    Returns:
        The mean of every term over the last tenth of the steps.

    Raises:
        InputError: `output` exists without `overwrite` or cannot be written, or a checkpoint is of another
            training.
        FloatingPointError: the loss is not finite.
    """
    torch.manual_seed(config.seed)
    check_new(output, overwrite)
    device = next(network.parameters()).device
    optimiser = torch.optim.AdamW(
        groups or [{"params": list(network.parameters())}],
        config.learning_rate,
        weight_decay=config.weight_decay,
    )
    state = State(network, optimiser, config)
    checkpoint = output.with_suffix(".checkpoint.pt")
    first = state.load(checkpoint) if checkpoint.is_file() else 0
    if first:
        logger.info("going on from step %d of %s", first, checkpoint)
    recent: list[dict[str, float]] = []
    drawn = batches(first)
    for step in track(range(first, config.steps), f"training {output.stem}"):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate_at(step, config) * group.get("rate", 1.0)
        terms = loss_of({name: torch.from_numpy(array).to(device) for name, array in next(drawn).items()})
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is not finite at step {step}: {terms}")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), config.largest_gradient)
        optimiser.step()
        state.average(min(config.average_decay, (step + 1) / (step + 10)))
        recent.append({name: float(value.detach()) for name, value in terms.items()})
        done = step + 1
        if done % config.log_every == 0 or done == config.steps:
            state.log(done, _means(recent[-config.log_every :]))
        if done % config.save_every == 0 or done == config.steps:
            if evaluate is not None:
                with state.averaged():
                    state.log(done, evaluate(network))
            state.save(checkpoint, done)
            write_weights(state.mean, output.with_suffix(".latest.safetensors"))
    with atomic_file(output.with_suffix(".log.jsonl"), overwrite=True) as file:
        file.write_text("".join(json.dumps(row) + "\n" for row in state.rows))
    with atomic_file(output.with_suffix(".svg"), overwrite=True) as file:
        file.write_text(loss_plot(state.rows))
    write_weights(state.mean if finish is None else finish(state.mean), output, overwrite)
    for spent in (checkpoint, output.with_suffix(".latest.safetensors")):
        spent.unlink(missing_ok=True)
    return _means(recent[-max(1, config.steps // 10) :]) if recent else {}


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[-1]}
