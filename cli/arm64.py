"""The verbs on emulated ARM64 processors: arm64 setup, arm64 count."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from .application import app
from .options import BundleFolder, Json, Overwrite, names_of, write_text

arm64 = typer.Typer(
    help="Run the ARM64 builds of onnxruntime and LiteRT here, under QEMU.", no_args_is_help=True
)
app.add_typer(arm64, name="arm64")

Cpus = Annotated[str, typer.Option("--cpu", help="Comma-separated processor models.")]


@arm64.command()
def setup(
    root: Annotated[
        Path | None,
        typer.Option(help="An ARM64 root with Python of your own, with QEMU 10 on the path; else Debian's."),
    ] = None,
) -> None:
    """Make the cache folder with an ARM64 root, the runtimes and QEMU; needs no root rights."""
    from ..runtime.arm64.build import setup as make
    from ..runtime.arm64.cpus import native
    from ..runtime.console import say

    if native():
        say("this machine's own processor is an ARM64 one: every backend runs natively, nothing to set up")
        return
    cache = make(root=root, say=say)
    held = ", ".join(f"{name} {version}" for name, version in cache.wheels.items())
    say(f"{cache.folder}: {held} for ARM64, QEMU {cache.qemu_version}")


@arm64.command()
def count(
    bundle: BundleFolder,
    cpu: Cpus = "cortex-a76",
    size: Annotated[str | None, typer.Option(help="HEIGHTxWIDTH; default: the bundle's first.")] = None,
    operations: Annotated[
        bool, typer.Option("--operations", help="Also count by type of operation; takes as long again.")
    ] = False,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Count the ARM64 instructions of an inference of every file: a cost to watch, never a time."""
    from ..reference.files import check_new
    from ..runtime.arm64.count import count_bundle
    from ..runtime.arm64.table import print_counts
    from ..runtime.bundle import open_bundle

    if json is not None:
        check_new(json, overwrite)
    counts = count_bundle(open_bundle(bundle), names_of(cpu), size, operations)
    print_counts(counts)
    data = {"schema_version": 1, "counts": [found.to_json() for found in counts]}
    write_text(json, dumps(data, indent=1) + "\n", overwrite)
