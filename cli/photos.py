"""The verbs that make 3D photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..reference.errors import InputError
from .application import app
from .options import Depth, Inpaint, Overwrite, Size, names_of, pipeline_config, sizes_of

if TYPE_CHECKING:
    from ..runtime.photo3d.outputs import Outputs

MotionOption = Annotated[
    str,
    typer.Option(
        "--motion",
        help="circle, swing, zoom-in, dolly-zoom, horizontal, vertical, or a .json file of keyframes.",
    ),
]
Amplitude = Annotated[
    float | None, typer.Option(help="How far the camera goes, in percent of the picture's width.")
]
Seconds = Annotated[float | None, typer.Option(help="Length of the video's loop; default: 3.")]
Fps = Annotated[int, typer.Option(help="Frames a second of the video.")]
Easing = Annotated[
    str, typer.Option(help="linear, sine or cubic: how the camera slows down before it turns.")
]
Video = Annotated[str, typer.Option(help="Comma-separated: mp4, gif, webp, wiggle.")]
RefocusOption = Annotated[
    str | None,
    typer.Option(
        "--refocus",
        metavar="X,Y[,APERTURE]",
        help="Also a still, sharp at that point (shares of width and height); aperture in percent.",
    ),
]
Files = Annotated[
    str | None,
    typer.Option(help="For other programs, in files/: glb, usdz, obj, ply, stl, ora, sbs, …, or all."),
]
Compare = Annotated[
    str | None,
    typer.Option(
        metavar="OTHER",
        help="Also a page that compares: BACKEND:PRECISION of the bundle, or another 3D photo's folder.",
    ),
]


@app.command()
def photo(
    photo: Annotated[Path, typer.Argument(help="The photo, or a folder of photos.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder to write.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Use a bundle's model, not the float reference.")
    ] = None,
    backend: Annotated[str | None, typer.Option(help="onnxruntime, litert, coreml or torch.")] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="Of the bundle's files: fp32, fp16, int8, …; default: fp32, or the first it holds."
        ),
    ] = None,
    size: Size = None,
    depth: Depth = "pocket",
    inpaint: Inpaint = "pocket",
    depth_map: Annotated[
        Path | None,
        typer.Option(help="Your own depth (grey or .npy) instead of the photo's own or a network's."),
    ] = None,
    depth_map_kind: Annotated[
        str,
        typer.Option(help="disparity: brighter is nearer; inverted: farther; depth: numbers are distances."),
    ] = "disparity",
    ignore_embedded_depth: Annotated[
        bool, typer.Option("--ignore-embedded-depth", help="Use the network though the photo carries depth.")
    ] = False,
    mask: Annotated[
        Path | None,
        typer.Option(help="Picture, white over what stays on one layer: glass, mirrors, fences."),
    ] = None,
    border: Annotated[
        float,
        typer.Option(metavar="PERCENT", help="Paint a border around the photo, in percent of its long side."),
    ] = 0.0,
    motion: MotionOption = "circle",
    amplitude: Amplitude = None,
    seconds: Seconds = None,
    fps: Fps = 30,
    easing: Easing = "sine",
    video: Video = "mp4",
    refocus: RefocusOption = None,
    files: Files = None,
    compare: Compare = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a 3D photo: ldi/, viewer.html, a video; or a gallery of a folder's photos."""
    outputs = _outputs(motion, amplitude, seconds, fps, easing, video, refocus, files, compare)
    choices = {
        "bundle": bundle,
        "backend": backend,
        "precision": precision,
        "config": pipeline_config(depth, inpaint),
        "size": sizes_of(size)[0] if size else None,
        "depth_map": depth_map,
        "depth_map_kind": depth_map_kind,
        "ignore_embedded_depth": ignore_embedded_depth,
        "mask": mask,
        "border": border,
        "outputs": outputs,
    }
    if photo.is_dir():
        _gallery(photo, output or Path(f"{photo.resolve().name}-3dphotos"), choices, overwrite)
        return
    from ..runtime.console import print_photo
    from ..runtime.photo3d.photo import make_3d_photo

    place = output or Path(f"{photo.stem}-3dphoto")
    print_photo(make_3d_photo(photo, place, **choices, overwrite=overwrite))  # type: ignore[arg-type]


@app.command()
def retouch(
    folder: Annotated[Path, typer.Argument(help="A 3D photo, made with --files ora.")],
    edited: Annotated[Path, typer.Argument(help="Its .ora file, painted on in Krita or GIMP.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder to write.")] = None,
    motion: MotionOption = "circle",
    amplitude: Amplitude = None,
    seconds: Seconds = None,
    fps: Fps = 30,
    easing: Easing = "sine",
    video: Video = "mp4",
    refocus: RefocusOption = None,
    files: Files = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Also a page that compares: another 3D photo's folder."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a 3D photo anew from layers that were painted on."""
    from ..runtime.console import print_photo
    from ..runtime.photo3d.retouch import retouch_3d_photo

    outputs = _outputs(motion, amplitude, seconds, fps, easing, video, refocus, files, compare)
    place = output or Path(f"{folder.resolve().name}-retouched")
    print_photo(retouch_3d_photo(folder, edited, place, outputs=outputs, overwrite=overwrite))


def _outputs(
    motion: str,
    amplitude: float | None,
    seconds: float | None,
    fps: int,
    easing: str,
    video: str,
    refocus: str | None,
    files: str | None,
    compare: str | None,
) -> Outputs:
    """Return what to make, from the options."""
    from ..runtime.photo3d.motion import SECONDS, Motion
    from ..runtime.photo3d.motion_file import read_keyframes
    from ..runtime.photo3d.outputs import Outputs
    from ..runtime.photo3d.refocus import parse_refocus

    if motion.endswith(".json"):
        if amplitude is not None or seconds is not None:
            raise InputError(
                f"{motion} says itself how far and how long: leave --amplitude and --seconds out"
            )
        keyframes = read_keyframes(Path(motion))
        chosen = Motion(motion, None, keyframes[-1].time, fps, easing, keyframes)
    else:
        chosen = Motion(motion, amplitude, SECONDS if seconds is None else seconds, fps, easing)
    return Outputs(
        motion=chosen,
        videos=names_of(video),
        refocus=None if refocus is None else parse_refocus(refocus),
        files=() if files is None else names_of(files),
        compare=compare,
    )


def _gallery(folder: Path, place: Path, choices: dict[str, object], overwrite: bool) -> None:
    """Make a gallery of a folder's photos, and say in one line at the end which failed."""
    from ..calibration.sources import folder_photos
    from ..runtime.console import say
    from ..runtime.photo3d.gallery import make_gallery

    for name in ("depth_map", "mask"):
        if choices[name] is not None:
            raise InputError(f"--{name.replace('_', '-')} is of one photo: give a photo, not a folder")
    gallery = make_gallery(folder_photos(folder), place, choices, overwrite)
    say(f"{place / 'index.html'}: {len(gallery.made)} made, {len(gallery.kept)} kept as they were")
    for name, reason in gallery.failed.items():
        say(f"  {name}: {reason}")
    if gallery.failed:
        raise InputError(
            f"{len(gallery.failed)} of {gallery.photos} photos failed: {', '.join(gallery.failed)}; "
            f"the others are in {place}"
        )
