"""The verbs on Core ML's ML Programs: mil show, mil run, mil compare."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..reference.errors import InputError
from .application import app
from .options import Json, Overwrite, write_text

if TYPE_CHECKING:
    from ..runtime.mil.difference import Comparison

mil = typer.Typer(
    help="Look into a Core ML ML Program, run it, compare two: on any machine.", no_args_is_help=True
)
app.add_typer(mil, name="mil")

_ROUNDINGS = {"once": ("once",), "pessimistic": ("pessimistic",), "both": ("once", "pessimistic")}

Model = Annotated[Path, typer.Argument(help="A .mlpackage folder, or a .mlmodel file.")]
FunctionName = Annotated[
    str | None, typer.Option("--function", help="The function, where a model has several.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="[NAME=]FILE", help=".npz, .npy or a photo; can be given several times."),
]


@mil.command()
def show(
    model: Model,
    function: FunctionName = None,
    every: Annotated[bool, typer.Option("--all", help="List every operation.")] = False,
) -> None:
    """Show inputs, outputs, operations, and the weights as they are stored."""
    from ..runtime.mil import load
    from ..runtime.mil.tables import print_model

    print_model(load(model, function), every)


@mil.command()
def run(
    model: Model,
    inputs: Inputs = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The .npz of values to write.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="How fp16 is rounded: once, pessimistic, or both to see the difference.")
    ] = "once",
    tap: Annotated[list[str] | None, typer.Option(help="A further value inside; several times.")] = None,
    function: FunctionName = None,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Run a program and sum up its outputs; with both roundings -o holds the second as NAME.pessimistic."""
    from ..reference.files import check_new
    from ..runtime.mil import load
    from ..runtime.mil.arrays import write_arrays
    from ..runtime.mil.difference import as_array
    from ..runtime.mil.figures import evaluate, rounding_difference
    from ..runtime.mil.inputs import read_inputs
    from ..runtime.mil.tables import print_evaluation, print_roundings

    if precision not in _ROUNDINGS:
        raise InputError(f"unknown precision {precision!r}; known: {', '.join(_ROUNDINGS)}")
    for path in filter(None, (output, json)):
        check_new(path, overwrite)
    loaded = load(model, function)
    given = read_inputs(loaded, inputs or ())
    runs = [evaluate(loaded, given, rounding, tuple(tap or ())) for rounding in _ROUNDINGS[precision]]
    data: dict[str, object] = {"model": str(model), "runs": [evaluation.to_json() for evaluation in runs]}
    for evaluation in runs:
        print_evaluation(evaluation)
    if len(runs) > 1:
        apart = rounding_difference(*runs)
        print_roundings(apart)
        data["roundings"] = [item.to_json() for item in apart]
    if output is not None:
        arrays = {
            name if i == 0 else f"{name}.{evaluation.precision}": as_array(value)
            for i, evaluation in enumerate(runs)
            for name, value in evaluation.values.items()
        }
        write_arrays(output, {k: v for k, v in arrays.items() if v.dtype.kind in "fiub"}, overwrite)
    write_text(json, dumps(data, indent=1) + "\n", overwrite)


@mil.command()
def compare(
    model: Annotated[Path, typer.Argument(help="The reference: a .mlpackage folder or .mlmodel file.")],
    other: Annotated[Path | None, typer.Argument(help="The program that is judged.")] = None,
    inputs: Inputs = None,
    with_: Annotated[
        str | None, typer.Option("--with", help="coreml: compare with Core ML itself, on a Mac.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Compare with what --with coreml -o wrote on a Mac.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The .npz of Core ML's input and output to write.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Of the greatest |value|.")] = 1e-3,
    overwrite: Overwrite = False,
) -> None:
    """Compare two programs, or one with Core ML, on one input (default: random); exit 1 if they part."""
    from ..runtime.mil.tables import print_comparison

    if sum(way is not None for way in (other, with_, replay)) != 1:
        raise InputError("compare wants one of: a second model, --with coreml, --replay PAIR.npz")
    if with_ not in (None, "coreml"):
        raise InputError(f"unknown --with {with_!r}; known: coreml")
    if output is not None and with_ is None:
        raise InputError("-o keeps what Core ML computed: it goes with --with coreml")
    if replay is not None and inputs:
        raise InputError("--replay brings its own input: leave --input out")
    found = _compared(model, other, replay, inputs or [], output, tolerance, overwrite)
    print_comparison(found)
    raise typer.Exit(int(found.parted))


def _compared(
    path: Path,
    other: Path | None,
    replay: Path | None,
    inputs: list[str],
    output: Path | None,
    tolerance: float,
    overwrite: bool,
) -> Comparison:
    from ..reference.files import check_new
    from ..runtime.console import say
    from ..runtime.mil import load
    from ..runtime.mil.difference import compare as compare_programs
    from ..runtime.mil.inputs import random_inputs, read_inputs
    from ..runtime.mil.replay import judge, read_pair, run_coreml

    if output is not None:
        check_new(output, overwrite)
    model = load(path)
    if replay is not None:
        pair = read_pair(replay)
    else:
        given = read_inputs(model, inputs) if inputs else random_inputs(model)
        if other is not None:
            return compare_programs(model, load(other), given, tolerance)
        pair = run_coreml(model, given)
        if output is not None:
            pair.write(output, overwrite)
    say(f"the reference is by {pair.made_by}")
    return judge(model, pair, tolerance)
