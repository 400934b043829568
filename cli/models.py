"""The verbs on networks and their weights: models list, models get, models path."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import Annotated

import typer

from .application import app
from .options import Json, Overwrite, write_text

models = typer.Typer(
    help="List the depth and inpainting networks that can be named, and fetch their weights."
)
app.add_typer(models, name="models")

Name = Annotated[str, typer.Argument(help="A network of `ldikit models list`.")]


@models.callback(invoke_without_command=True)
def without_verb(context: typer.Context) -> None:
    """List the networks that can be named, and fetch their weights."""
    if context.invoked_subcommand is None:
        list_models()


@models.command("list")
def list_models(json: Json = None, overwrite: Overwrite = False) -> None:
    """List the networks: where their weights are, or how to get them."""
    from ..reference.catalogue import catalogue
    from ..runtime.console import print_catalogue

    entries = catalogue()
    write_text(json, dumps([asdict(entry) for entry in entries], indent=2) + "\n", overwrite)
    print_catalogue(entries)


@models.command()
def get(
    name: Name,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FOLDER|URL", help="Take the files from there instead."),
    ] = None,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Fetch the weights of a network into the cache folder, and check them."""
    from ..reference.models.fetch import fetch
    from ..runtime.console import say

    files = fetch(name, source, overwrite)
    rows = [{**asdict(file), "path": str(file.path)} for file in files]
    write_text(json, dumps(rows, indent=2) + "\n", overwrite)
    for file in files:
        said = "fetched" if file.fetched else "here"
        check = "checked" if file.checked else "NOT CHECKED, no published value is known"
        say(f"{file.path}: {said}, sha256 {file.sha256} ({check})")


@models.command()
def path(name: Name) -> None:
    """Print the folder that holds the weights of a network."""
    from ..reference.models.locate import locate
    from ..runtime.console import say

    say(str(locate(name)))
