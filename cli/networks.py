"""The verb that trains a pocket network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..reference.errors import InputError
from .application import app
from .options import Overwrite, sizes_of


@app.command()
def train(
    stage: Annotated[str, typer.Argument(help="depth or inpaint.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.")],
    steps: Annotated[int, typer.Option(min=1)] = 6000,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a step.")] = 8,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the pictures.")] = "192x256",
    learning_rate: Annotated[float, typer.Option(min=1e-7)] = 2e-3,
    seed: Annotated[int, typer.Option(help="Of the pictures and the first weights.")] = 0,
    start: Annotated[Path | None, typer.Option(help="Weights to begin from.")] = None,
    scenes: Annotated[float, typer.Option(min=0, help="depth: share of procedural scenes.")] = 1.0,
    rendered: Annotated[
        list[str] | None,
        typer.Option(help="depth: folder of shards of photos with disparity; DIR or DIR=SHARE; repeatable."),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder of photos. depth: for --teacher; inpaint: to fill cut-outs from."),
    ] = None,
    photos_share: Annotated[float, typer.Option(min=0, help="depth: share of --photos.")] = 1.0,
    teacher: Annotated[
        str | None, typer.Option(help="depth: network whose disparity of --photos is learnt.")
    ] = None,
    develop: Annotated[
        Path | None, typer.Option(help="depth: folder of shards to measure on as it goes, never learnt.")
    ] = None,
    int8_weights: Annotated[
        bool,
        typer.Option(
            "--int8-weights",
            help="depth: learn nothing new, but put the weights of --start on int8 steps; "
            "--learning-rate counts steps.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="Where torch trains: cpu, or cuda, there in bfloat16.")] = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Train a pocket network; started again after a cut, it goes on from its last checkpoint."""
    from ..calibration.training import STAGES, parse_sources, train_pocket_depth, train_pocket_inpaint
    from ..reference.devices import check_device
    from ..reference.files import check_new
    from ..reference.training.state import TrainingConfig
    from ..runtime.console import say

    if stage not in STAGES:
        raise InputError(f"unknown network to train {stage!r}: one of {', '.join(STAGES)}")
    check_new(output, overwrite)
    check_device(device)
    config = TrainingConfig(steps=steps, learning_rate=learning_rate, seed=seed)
    views = sizes_of(size)[0]
    if stage == "inpaint":
        if int8_weights:
            raise InputError("--int8-weights is for depth: inpainting is calibrated as it is")
        means = train_pocket_inpaint(output, views, batch, config, start, photos, overwrite, device)
    else:
        folders = [*(rendered or [])]
        if (photos is None) != (teacher is None):
            raise InputError("--photos and --teacher go together: the teacher says what the photos show")
        if photos is not None and teacher is not None:
            labels = output.with_suffix(".labels")
            _label(photos, teacher, labels)
            folders.append(f"{labels}={photos_share}")
        sources = parse_sources(folders, scenes)
        means = train_pocket_depth(
            output, views, batch, config, sources, start, develop, int8_weights, overwrite, device
        )
    say(f"{output}: " + ", ".join(f"{name} {value:.4f}" for name, value in means.items()))


def _label(photos: Path, teacher: str, labels: Path) -> None:
    """Write the teacher's labels, unless an earlier start of the same training has."""
    from ..calibration.distillation import distil
    from ..calibration.sources import folder_photos
    from ..runtime.console import say

    if labels.is_dir():
        say(f"{labels}: labels kept from an earlier start; remove the folder to make them anew")
        return
    count = distil(folder_photos(photos), teacher, labels)
    say(f"{labels}: {count} photos labelled by {teacher}")
