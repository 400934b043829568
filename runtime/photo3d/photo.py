"""One photo to a 3D photo: its layers at its own resolution, its depth, a parallax video and a preview."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.config import PipelineConfig
from ...reference.errors import InputError
from ...reference.files import atomic_folder
from ...reference.fullres import FullLayer, as_ldi, full_resolution
from ...reference.fullres.files import fill_folder
from ...reference.ldi import LDI
from ...reference.photo.decode import read_photo
from ...reference.sizes import ProgramSize
from . import video
from .pictures import preview, unstretched, write_depth
from .source import Source, from_bundle, from_depth_map, from_reference

# Disparity between the 2nd and the 98th percentile below which a photo hardly moves (5 px at 1080).
LITTLE_DEPTH = 0.1


@dataclass(frozen=True)
class PhotoResult:
    """What was written.

    Attributes:
        destination: the folder.
        files: paths relative to it.
        height, width: of the layers, in pixels: the photo's own.
        layers: how many.
        made_by: what made the layers, in words.
        simulated: not by the runtime that a phone would use but by our model of it.
        depth_range: disparity between the 2nd and 98th percentile of the visible layer.
        warnings: remarks, one line each: too little depth, what reading the photo met.
    """

    destination: Path
    files: tuple[str, ...]
    height: int
    width: int
    layers: int
    made_by: str
    simulated: bool
    depth_range: float
    warnings: tuple[str, ...] = ()


def make_3d_photo(
    photo_path: Path | str,
    destination: Path | str,
    *,
    bundle: Path | str | None = None,
    backend: str | None = None,
    precision: str | None = None,
    config: PipelineConfig | None = None,
    size: ProgramSize | None = None,
    depth_map: Path | str | None = None,
    overwrite: bool = False,
) -> PhotoResult:
    """Make a 3D photo in the folder `destination`: `ldi/`, `depth.png`, `video.mp4`, `preview.jpg`.

    The folder appears whole or not at all. No metadata of the photo is copied into it.

    Args:
        photo_path: see `read_photo`.
        destination: folder to make.
        bundle: whose program runs; None runs the float reference.
        backend: of the bundle's program, see `from_bundle`.
        precision: of the bundle's program.
        config: pipeline of the float reference; None is `pocket`.
        size: at which the program runs; None chooses it from the photo.
        depth_map: the user's own depth instead of the network's; see `read_depth_map`.
        overwrite: replace an existing `destination`.

    Raises:
        InputError: photo, depth map, bundle or destination cannot be used, or choices exclude each other.
        MissingExtraError, BackendUnavailableError: the backend is not here.
    """
    destination = Path(destination)
    _check_choices(bundle, backend, precision, config, depth_map)
    with atomic_folder(destination, overwrite) as folder:
        photo = read_photo(photo_path)
        pixels = photo.pixels
        if depth_map is not None:
            source = from_depth_map(pixels, Path(depth_map), config or PipelineConfig(), size)
        elif bundle is not None:
            source = from_bundle(pixels, Path(bundle), backend, precision, size)
        else:
            source = from_reference(pixels, config or PipelineConfig(), size)
        _check_values(source)
        height, width = pixels.shape[:2]
        write_depth(folder / "depth.png", unstretched(source.disparity, height, width))
        (folder / "ldi").mkdir()
        fill_folder(folder / "ldi", _full_layers(pixels, source), source.ldi.layers)
        small = video_ldi(pixels, source)
        parallax = source.layering.max_parallax
        preview(small, parallax).save(folder / "preview.jpg", quality=90)
        video.write_video(folder / "video.mp4", small, parallax, video.FRAMES, video.FPS)
        files = tuple(sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()))
    low, high = np.percentile(source.ldi.disparity[0], (2, 98))
    warnings = list(photo.notes)
    if high - low < LITTLE_DEPTH:
        warnings.append(
            f"too little depth: the scene spans {high - low:.2f} of the disparity range and will hardly move"
        )
    return PhotoResult(
        destination=destination,
        files=files,
        height=height,
        width=width,
        layers=source.ldi.layers,
        made_by=source.made_by,
        simulated=source.simulated,
        depth_range=float(high - low),
        warnings=tuple(warnings),
    )


def video_ldi(photo: np.ndarray, source: Source) -> LDI:
    """Return the LDI at the video's size: long side at most `video.LONG_SIDE`, both sides even.

    Made anew for that size, since averaging full-resolution layers would blur their edges.

    Args:
        photo: (H, W, 3) uint8.
        source: its layers.
    """
    height, width = photo.shape[:2]
    share = min(1.0, video.LONG_SIDE / max(height, width))
    size = (max(int(width * share) // 2 * 2, 2), max(int(height * share) // 2 * 2, 2))
    if source.ldi.size == (height, width) and share == 1.0:
        crop = (..., slice(size[1]), slice(size[0]))
        planes = (source.ldi.color, source.ldi.disparity, source.ldi.occupancy)
        return LDI(*(np.ascontiguousarray(plane[crop]) for plane in planes))
    picture = Image.fromarray(photo)
    small = np.asarray(picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))
    detail = None
    if source.detail is not None:
        detail = np.asarray(Image.fromarray(source.detail).resize(size, Image.Resampling.NEAREST))
    return as_ldi(full_resolution(small, source.ldi, source.layering, detail))


def _full_layers(photo: np.ndarray, source: Source) -> Iterator[FullLayer]:
    """Yield the layers at the photo's size: as they are where they have it already."""
    ldi = source.ldi
    if ldi.size != photo.shape[:2]:
        yield from full_resolution(photo, ldi, source.layering, source.detail)
        return
    for index in range(ldi.layers):
        color = np.rint(ldi.color[index].transpose(1, 2, 0) * 255).astype(np.uint8) if index else photo
        occupancy = np.rint(ldi.occupancy[index, 0] * 255).astype(np.uint8)
        yield FullLayer(color, ldi.disparity[index, 0], occupancy)


def _check_choices(
    bundle: object, backend: str | None, precision: str | None, config: PipelineConfig | None, depth: object
) -> None:
    """Refuse choices that exclude each other."""
    if bundle is None:
        if backend not in (None, "torch"):
            raise InputError(f"the backend {backend!r} runs the files of a bundle: give --bundle too")
        if precision not in (None, "fp32"):
            raise InputError(f"the float reference runs in fp32, not {precision!r}: give --bundle too")
        return
    if depth is not None:
        raise InputError("a depth map is layered by the float reference: give --depth-map without --bundle")
    if config is not None and config != PipelineConfig():
        raise InputError("a bundle has its own networks: give --depth and --inpaint without --bundle")


def _check_values(source: Source) -> None:
    """Refuse layers with values that are no picture."""
    for name in ("color", "disparity", "occupancy"):
        plane = getattr(source.ldi, name)
        if not np.isfinite(plane).all():
            raise InputError(
                f"{source.made_by} gave {name} that is not finite: no 3D photo can be made of it"
            )
