"""The verbs that make and judge bundles: build, export, verify, profile, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..reference.errors import InputError
from .application import app
from .options import (
    Arm64,
    BundleFolder,
    CalibrationFolder,
    Depth,
    Formats,
    Gates,
    Inpaint,
    Json,
    Output,
    Overwrite,
    Photos,
    Precisions,
    RecipePath,
    Size,
    emulated_backends,
    names_of,
    numbers_of,
    photos_of,
    pipeline_config,
    sizes_of,
    write_text,
)

if TYPE_CHECKING:
    from ..reference.config import PipelineConfig


def _precisions(
    asked: str | None, config: PipelineConfig, recipe: Path | None, calibration: Path | None
) -> tuple[str, ...]:
    from ..export.recipes import default_precisions

    if asked is not None:
        return names_of(asked)
    return default_precisions(config, given=recipe is not None or calibration is not None)


@app.command()
def build(
    output: Output = Path("phone"),
    formats: Formats = "onnx,coreml,tflite",
    precision: Precisions = None,
    size: Size = None,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    photos: Photos = None,
    gates: Gates = None,
    stages: Annotated[bool, typer.Option("--stages", help="Also export the stages one by one.")] = False,
    recipe: RecipePath = None,
    calibration: CalibrationFolder = None,
    overwrite: Overwrite = False,
) -> None:
    """Export, verify, profile and report: the main job."""
    from ..export.build import build_bundle
    from ..runtime.console import print_parity, print_profile, say

    config = pipeline_config(depth, inpaint)
    built = build_bundle(
        config,
        output,
        formats=names_of(formats),
        precisions=_precisions(precision, config, recipe, calibration),
        sizes=sizes_of(size),
        photos=photos_of(photos),
        gates=gates,
        stages=stages,
        overwrite=overwrite,
        recipe=recipe,
        calibration=calibration,
    )
    print_profile(built.profile)
    print_parity(built.parity)
    say(f"{output / 'report.html'}")
    raise typer.Exit(built.parity.exit_code)


@app.command()
def export(
    output: Output = Path("phone"),
    formats: Formats = "onnx,coreml,tflite",
    precision: Precisions = None,
    size: Size = None,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    stages: Annotated[bool, typer.Option("--stages", help="Also export the stages one by one.")] = False,
    recipe: RecipePath = None,
    calibration: CalibrationFolder = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the models, golden vectors and manifest of a bundle, without checking them."""
    from ..export.auto import plan
    from ..export.bundle import export_bundle
    from ..reference.files import check_new
    from ..runtime.console import say

    check_new(output, overwrite)
    config = pipeline_config(depth, inpaint)
    planned = plan(config, _precisions(precision, config, recipe, calibration), recipe, calibration)
    ready = planned.ready
    export_bundle(
        config,
        output,
        formats=names_of(formats),
        precisions=planned.precisions,
        sizes=sizes_of(size),
        stages=stages,
        overwrite=overwrite,
        recipe=None if ready is None else ready.recipe,
        recipe_weights=None if ready is None else ready.weights,
        on_folder=planned.write_search,
    )
    say(f"{output}: not verified yet; run: ldikit verify {output}")


@app.command()
def verify(
    bundle: BundleFolder,
    photos: Photos = None,
    json: Json = None,
    gates: Gates = None,
    arm64: Arm64 = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge every model of a bundle by the LDI it makes; exit 0 pass, 1 fail, 2 bad input, 3 not verified."""
    from ..reference.files import check_new
    from ..runtime.bundle import open_bundle
    from ..runtime.console import print_parity
    from ..runtime.parity.verify import verify as verify_bundle

    if json is not None:
        check_new(json, overwrite)
    opened, paths = open_bundle(bundle), photos_of(photos)
    backends = emulated_backends(opened, arm64, len(paths))
    report = verify_bundle(opened, paths, gates=gates, backends=backends, pictures=False)
    print_parity(report)
    if json is not None:
        report.write(json)
    raise typer.Exit(report.exit_code)


@app.command()
def profile(
    bundle: Annotated[
        Path,
        typer.Argument(help="Folder that `ldikit build` or `export` wrote; or a profile.json to compare."),
    ],
    json: Json = None,
    compare: Annotated[
        Path | None, typer.Option(help="A profile.json of this machine to set the new one against.")
    ] = None,
    threads: Annotated[str | None, typer.Option(help="Comma-separated; default: 1,2.")] = None,
    cpus: Annotated[str | None, typer.Option(help="Cores to run on, comma-separated (Linux).")] = None,
    sustained: Annotated[
        str | None,
        typer.Option(metavar="CANDIDATE", help='Also run one for a minute without a pause: "tflite int8".'),
    ] = None,
    adb: Annotated[
        bool,
        typer.Option("--adb", help="On the processor of the attached Android device; takes arm64 setup."),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure latency, memory and size of every model on this machine; exit 3 where a runtime is missing."""
    from ..reference.files import check_new
    from ..runtime.bundle import open_bundle
    from ..runtime.console import print_comparison, print_profile
    from ..runtime.profiling.compare import check_comparable
    from ..runtime.profiling.compare import compare as compare_profiles
    from ..runtime.profiling.host import this_host
    from ..runtime.profiling.profile import profile as profile_bundle
    from ..runtime.profiling.report import read_profile

    if json is not None:
        check_new(json, overwrite)
    before = None if compare is None else read_profile(compare)
    if before is not None and bundle.is_file():
        print_comparison(compare_profiles(before, read_profile(bundle)), str(compare))
        return
    opened = open_bundle(bundle)
    if adb:
        from ..runtime.arm64.on_device import profile_device

        if cpus is not None or sustained is not None:
            raise InputError("--cpus and --sustained are for this machine, not for --adb")
        report = profile_device(opened, threads=(numbers_of(threads) or (1,))[0])
        print_profile(report)
        write_text(json, report.to_json(), overwrite)
        if before is not None:
            print_comparison(compare_profiles(before, report), str(compare))
        raise typer.Exit(report.exit_code)
    if before is not None:
        # Refused now rather than after a minute of measuring.
        check_comparable(before, this_host(), opened.manifest.pipeline.name)
    chosen: dict[str, Any] = {
        "threads": numbers_of(threads),
        "cpus": numbers_of(cpus),
        "sustained": sustained,
    }
    report = profile_bundle(opened, **{k: v for k, v in chosen.items() if v is not None})
    print_profile(report)
    write_text(json, report.to_json(), overwrite)
    if before is not None:
        print_comparison(compare_profiles(before, report), str(compare))
    raise typer.Exit(report.exit_code)


@app.command()
def inspect(bundle: BundleFolder) -> None:
    """Show what a bundle holds, its checksums tested."""
    from ..runtime.bundle import open_bundle
    from ..runtime.console import print_bundle

    print_bundle(open_bundle(bundle))
