"""The verb that trains a pocket network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .application import app
from .options import Overwrite, sizes_of


@app.command()
def train(
    stage: Annotated[str, typer.Argument(help="depth or inpaint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.")],
    steps: Annotated[int, typer.Option(min=1)] = 6000,
    batch: Annotated[int, typer.Option(min=1, help="Scenes a step.")] = 8,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the scenes.")] = "192x256",
    learning_rate: Annotated[float, typer.Option(min=1e-7)] = 2e-3,
    seed: Annotated[int, typer.Option(help="Of the scenes and the first weights.")] = 0,
    start: Annotated[Path | None, typer.Option(help="Weights to begin from.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a pocket network on procedural scenes."""
    from ..calibration.training import train_pocket
    from ..runtime.console import say

    means = train_pocket(
        stage,
        output,
        size=sizes_of(size)[0],
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        start=start,
        overwrite=overwrite,
    )
    say(f"{output}: " + ", ".join(f"{name} {value:.4f}" for name, value in means.items()))
