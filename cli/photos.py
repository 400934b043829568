"""The verb that makes a 3D photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .application import app
from .options import Depth, Inpaint, Overwrite, Size, pipeline_config, sizes_of


@app.command()
def photo(
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder to write.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Use a bundle's model, not the float reference.")
    ] = None,
    backend: Annotated[str | None, typer.Option(help="onnxruntime, litert, coreml or torch.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or fp16; default: the bundle's first.")] = None,
    size: Size = None,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    depth_map: Annotated[
        Path | None,
        typer.Option(help="Your own depth (grey, brighter is nearer; or .npy) instead of a network's."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a 3D photo: ldi/, depth.png and a parallax video."""
    from ..runtime.console import print_photo
    from ..runtime.photo3d.photo import make_3d_photo

    result = make_3d_photo(
        photo,
        output or Path(f"{photo.stem}-3dphoto"),
        bundle=bundle,
        backend=backend,
        precision=precision,
        config=pipeline_config(depth, inpaint),
        size=sizes_of(size)[0] if size else None,
        depth_map=depth_map,
        overwrite=overwrite,
    )
    print_photo(result)
