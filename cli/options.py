"""The options that several verbs share, and what their texts mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..reference.errors import InputError

if TYPE_CHECKING:
    from ..runtime.bundle import Bundle

Formats = Annotated[str, typer.Option(help="Comma-separated: onnx, coreml, tflite.")]
Precisions = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="Comma-separated: fp32, fp16, int8, w8; auto: int8 but for layers that a search leaves float; "
        "Core ML alone: p6, p4. Default: fp32, fp16 and, where the recipe is at hand, int8.",
    ),
]
Size = Annotated[
    str | None, typer.Option(help="HEIGHTxWIDTH, multiples of 32; default: 384x512 and 512x384.")
]
Depth = Annotated[
    str,
    typer.Option(
        help="Depth network: a name of `ldikit models list`; a .safetensors, .pt or .pb file; "
        "hf:NAME, or a folder in the layout of transformers."
    ),
]
Inpaint = Annotated[
    str,
    typer.Option(
        help="Inpainting network: a name of `ldikit models list`; a .safetensors, .pth or .pt file, "
        "or its folder."
    ),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Photos = Annotated[
    Path | None, typer.Option(help="Folder of photos to verify on; default: the bundled ones.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Also write the result to this file.")]
Gates = Annotated[
    Path | None, typer.Option(help="TOML or JSON file of limits; default: those of the metric spec.")
]
RecipePath = Annotated[
    Path | None,
    typer.Option("--recipe", help="recipe.json of int8 and w8; default: the package's, or made on scenes."),
]
CalibrationFolder = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        help="Folder of photos that int8 is calibrated, and auto searched, on; they do not verify. "
        "Default: the package's recipe, or procedural scenes.",
    ),
]
Arm64 = Annotated[
    str | None,
    typer.Option(
        "--arm64",
        metavar="CPU[,CPU]",
        help="Also judge the ARM64 builds of the runtimes on emulated processors: cortex-a53, cortex-a55, "
        "cortex-a76, max; or default.",
    ),
]
BundleFolder = Annotated[Path, typer.Argument(help="Folder that `ldikit build` or `export` wrote.")]


def pipeline_config(depth: str, inpaint: str):  # type: ignore[no-untyped-def]
    """Return the pipeline of two networks, by name or path."""
    from ..reference.config import PipelineConfig

    return PipelineConfig(depth=depth, inpaint=inpaint)


def names_of(text: str) -> tuple[str, ...]:
    """Split a comma-separated list; the first of equal names counts.

    Raises:
        InputError: it is empty.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise InputError(f"expected a comma-separated list, got {text!r}")
    return names


def numbers_of(text: str | None) -> tuple[int, ...] | None:
    """Split a comma-separated list of whole numbers, as "1,2"; None where there is none.

    Raises:
        InputError: it is empty, or has something else in it.
    """
    if text is None:
        return None
    try:
        return tuple(int(name) for name in names_of(text))
    except ValueError as error:
        raise InputError(f"expected comma-separated whole numbers, got {text!r}") from error


def sizes_of(text: str | None):  # type: ignore[no-untyped-def]
    """Return the program size that was asked for, or both orientations of the phone's default."""
    from ..reference.sizes import LANDSCAPE, PORTRAIT, parse_size

    return (parse_size(text),) if text else (LANDSCAPE, PORTRAIT)


def photos_of(folder: Path | None) -> list[Path]:
    """Return the photos of a folder, or the bundled ones."""
    from ..calibration.sources import bundled_photos, folder_photos

    return bundled_photos() if folder is None else folder_photos(folder)


def emulated_backends(bundle: Bundle, cpus: str | None, photos: int) -> list[str] | None:
    """Return the backends to verify with, those of ARM64 processors too, after saying how long that takes.

    None, which is each format's own, where no processor was asked for or this machine is an ARM64 one.

    Raises:
        InputError: an unknown processor.
        BackendUnavailableError: the ARM64 root is not set up.
    """
    if cpus is None:
        return None
    from ..runtime.arm64.cpus import native
    from ..runtime.arm64.plan import plan
    from ..runtime.console import say

    if native():
        say("this machine's own processor is an ARM64 one: its own backends run the ARM64 kernels")
        return None
    backends, line = plan(bundle, names_of(cpus), photos)
    say(line)
    return backends


def write_text(path: Path | None, text: str, overwrite: bool) -> None:
    """Write a file whole or not at all; nothing where there is no path."""
    from ..reference.files import atomic_file

    if path is not None:
        with atomic_file(path, overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
