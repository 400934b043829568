"""The verbs. Thin: each parses its options, calls one function of a room and prints what came back."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from .reference.errors import InputError, LdikitError

app = typer.Typer(
    name="ldikit",
    help="One photo to a layered depth image, as phone-ready models proven equal to the reference.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Formats = Annotated[str, typer.Option(help="Comma-separated: onnx, coreml, tflite.")]
Precisions = Annotated[str, typer.Option("--precision", help="Comma-separated: fp32, fp16.")]
Size = Annotated[
    str | None, typer.Option(help="HEIGHTxWIDTH, multiples of 32; default: 384x512 and 512x384.")
]
Depth = Annotated[str, typer.Option(help="Depth network: a name of `ldikit models`, or a .safetensors file.")]
Inpaint = Annotated[str, typer.Option(help="Inpainting network: a name, or a .safetensors file.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Photos = Annotated[
    Path | None, typer.Option(help="Folder of photos to verify on; default: the bundled ones.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Also write the result to this file.")]
Gates = Annotated[
    Path | None, typer.Option(help="TOML or JSON file of limits; default: those of the metric spec.")
]
BundleFolder = Annotated[Path, typer.Argument(help="Folder that `ldikit build` or `export` wrote.")]


@app.callback()
def common(
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more; -vv: all.")] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only results and errors.")] = False,
) -> None:
    """Set up logging and progress for every verb."""
    from .reference.progress import set_quiet

    set_quiet(quiet)
    level = logging.ERROR if quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("ldikit").setLevel(level)


@app.command()
def build(
    output: Output = Path("phone"),
    formats: Formats = "onnx,coreml,tflite",
    precision: Precisions = "fp32,fp16",
    size: Size = None,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    photos: Photos = None,
    gates: Gates = None,
    stages: Annotated[bool, typer.Option("--stages", help="Also export the stages one by one.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Export, verify, profile and report: the main job."""
    from .export.build import build_bundle
    from .runtime.console import print_parity, print_profile, say

    built = build_bundle(
        _config(depth, inpaint),
        output,
        formats=_names(formats),
        precisions=_names(precision),
        sizes=_sizes(size),
        photos=_photos(photos),
        gates=gates,
        stages=stages,
        overwrite=overwrite,
    )
    print_profile(built.profile)
    print_parity(built.parity)
    say(f"{output / 'report.html'}")
    raise typer.Exit(built.parity.exit_code)


@app.command()
def export(
    output: Output = Path("phone"),
    formats: Formats = "onnx,coreml,tflite",
    precision: Precisions = "fp32,fp16",
    size: Size = None,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    stages: Annotated[bool, typer.Option("--stages", help="Also export the stages one by one.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write the models, golden vectors and manifest of a bundle, without checking them."""
    from .export.bundle import export_bundle
    from .runtime.console import say

    export_bundle(
        _config(depth, inpaint),
        output,
        formats=_names(formats),
        precisions=_names(precision),
        sizes=_sizes(size),
        stages=stages,
        overwrite=overwrite,
    )
    say(f"{output}: not verified yet; run: ldikit verify {output}")


@app.command()
def verify(
    bundle: BundleFolder,
    photos: Photos = None,
    json: Json = None,
    gates: Gates = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge every model of a bundle by the LDI it makes; exit 0 pass, 1 fail, 2 bad input, 3 not verified."""
    from .reference.files import check_new
    from .runtime.bundle import open_bundle
    from .runtime.console import print_parity
    from .runtime.parity.verify import verify as verify_bundle

    if json is not None:
        check_new(json, overwrite)
    report = verify_bundle(open_bundle(bundle), _photos(photos), gates=gates, pictures=False)
    print_parity(report)
    if json is not None:
        report.write(json)
    raise typer.Exit(report.exit_code)


@app.command()
def profile(
    bundle: BundleFolder,
    json: Json = None,
    compare: Annotated[
        Path | None, typer.Option(help="A profile.json of this machine to set the new one against.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure latency, memory and size of every model on this machine; exit 3 where a runtime is missing."""
    from .reference.files import check_new
    from .runtime.bundle import open_bundle
    from .runtime.console import print_comparison, print_profile
    from .runtime.profiling.compare import check_comparable
    from .runtime.profiling.compare import compare as compare_profiles
    from .runtime.profiling.host import this_host
    from .runtime.profiling.profile import profile as profile_bundle
    from .runtime.profiling.report import read_profile

    if json is not None:
        check_new(json, overwrite)
    opened = open_bundle(bundle)
    before = None if compare is None else read_profile(compare)
    if before is not None:
        # Refused now rather than after a minute of measuring.
        check_comparable(before, this_host(), opened.manifest.pipeline.name)
    report = profile_bundle(opened)
    print_profile(report)
    _write(json, report.to_json(), overwrite)
    if before is not None:
        print_comparison(compare_profiles(before, report), str(compare))
    raise typer.Exit(report.exit_code)


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
    from .runtime.console import print_photo
    from .runtime.photo3d.photo import make_3d_photo

    result = make_3d_photo(
        photo,
        output or Path(f"{photo.stem}-3dphoto"),
        bundle=bundle,
        backend=backend,
        precision=precision,
        config=_config(depth, inpaint),
        size=_sizes(size)[0] if size else None,
        depth_map=depth_map,
        overwrite=overwrite,
    )
    print_photo(result)


@app.command()
def inspect(bundle: BundleFolder) -> None:
    """Show what a bundle holds, its checksums tested."""
    from .runtime.bundle import open_bundle
    from .runtime.console import print_bundle

    print_bundle(open_bundle(bundle))


@app.command()
def models() -> None:
    """List the depth and inpainting networks that can be named."""
    from .reference.catalogue import catalogue
    from .runtime.console import print_catalogue

    print_catalogue(catalogue())


@app.command()
def doctor() -> None:
    """Say what is installed here and what each missing piece would be needed for."""
    from .runtime.console import print_diagnosis
    from .runtime.doctor import diagnose

    print_diagnosis(diagnose())


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
    from .calibration.training import train_pocket
    from .runtime.console import say

    means = train_pocket(
        stage,
        output,
        size=_sizes(size)[0],
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        start=start,
        overwrite=overwrite,
    )
    say(f"{output}: " + ", ".join(f"{name} {value:.4f}" for name, value in means.items()))


def _config(depth: str, inpaint: str):  # type: ignore[no-untyped-def]
    from .reference.config import PipelineConfig

    return PipelineConfig(depth=depth, inpaint=inpaint)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise InputError(f"expected a comma-separated list, got {text!r}")
    return names


def _sizes(text: str | None):  # type: ignore[no-untyped-def]
    from .reference.sizes import LANDSCAPE, PORTRAIT, parse_size

    return (parse_size(text),) if text else (LANDSCAPE, PORTRAIT)


def _photos(folder: Path | None) -> list[Path]:
    from .calibration.sources import bundled_photos, folder_photos

    return bundled_photos() if folder is None else folder_photos(folder)


def _write(path: Path | None, text: str, overwrite: bool) -> None:
    from .reference.files import atomic_file

    if path is not None:
        with atomic_file(path, overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")


# What Typer returns for Ctrl-C, after the shell's custom of 128 + the signal's number.
INTERRUPTED = 130


def main() -> None:
    """Run the command line: every error is one line on standard error and an exit code, never a traceback."""
    # A polite kill ends like Ctrl-C, so that what is half-written is taken away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = 2
    try:
        code = app(standalone_mode=False) or 0
        message = "interrupted; nothing was left half-written" if code == INTERRUPTED else None
    except LdikitError as error:
        code, message = error.exit_code, str(error)
    except KeyboardInterrupt:
        message = "interrupted; nothing was left half-written"
    except Exception as error:
        # Typer's usage errors have no public class in every version; they all can say their message.
        if hasattr(error, "format_message"):
            message = f"{error.format_message()} See ldikit --help."
        else:
            logging.getLogger("ldikit").info("traceback:", exc_info=True)
            message = f"internal error, please report it with `ldikit -v …`: {type(error).__name__}: {error}"
    if message is not None:
        sys.stderr.write(f"ldikit: {' '.join(message.split())}\n")
    sys.exit(2 if code == INTERRUPTED else code)
