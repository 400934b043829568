"""One photo to a 3D photo: its layers at its own resolution, its depth, and what is made of them."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...reference.config import PipelineConfig
from ...reference.errors import InputError
from ...reference.files import atomic_folder
from ...reference.fullres.files import fill_folder
from ...reference.photo.decode import read_photo
from ...reference.sizes import ProgramSize
from .border import check_border, with_border
from .choice import DepthChoice, choose_source
from .compare import compare_files, compare_folders, parse_other
from .outputs import Outputs, Scene, write_outputs
from .pictures import unstretched, write_depth
from .record import Record, file_digest
from .scaled import full_layers, layers_at
from .source import Source
from .warnings import blank_photo, depth_range, disappointments


@dataclass(frozen=True)
class PhotoResult:
    """What was written.

    Attributes:
        destination: the folder.
        files: paths relative to it.
        height, width: of the layers, in pixels: the photo's own, and the border's.
        layers: how many.
        made_by: what made the layers, in words.
        simulated: not by the runtime that a phone would use but by our model of it.
        depth_range: disparity between the 2nd and 98th percentile of the visible layer.
        warnings: remarks, one line each: what reading the photo met, what will disappoint and what to do, and
            what was not done as asked.
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
    depth_map_kind: str = DepthChoice.kind,
    ignore_embedded_depth: bool = False,
    mask: Path | str | None = None,
    border: float = 0.0,
    outputs: Outputs | None = None,
    made_with: str | None = None,
    overwrite: bool = False,
) -> PhotoResult:
    """Make a 3D photo in the folder `destination`: `ldi/`, `depth.png`, `viewer.html`, `video.mp4` and more.

    The folder appears whole or not at all. No metadata of the photo is copied into it.

    Args:
        photo_path: see `read_photo`.
        destination: folder to make.
        bundle: whose program runs; None runs the float reference.
        backend: of the bundle's program, see `from_bundle`.
        precision: of the bundle's program.
        config: pipeline of the float reference; None is `pocket`.
        size: at which the program runs; None chooses it from the photo.
        depth_map: the user's own depth instead of the photo's own or the network's; see `load_depth_map`.
        depth_map_kind: of its numbers; see there.
        ignore_embedded_depth: let the network see to the depth though the photo carries one.
        mask: picture over the photo, white for what stays on one layer; see `DepthChoice`.
        border: painted around the photo, in percent of its long side; see `with_border`.
        outputs: what is made of the layers; None for the defaults of `Outputs`.
        made_with: digest of the options, kept for whoever wants to know whether to make it again.
        overwrite: replace an existing `destination`.

    Raises:
        InputError: photo, depth map, mask, bundle or destination cannot be used, or choices exclude each
            other.
        MissingExtraError, BackendUnavailableError: the backend is not here.
    """
    destination = Path(destination)
    outputs = outputs or Outputs()
    depth = DepthChoice(depth_map, depth_map_kind, ignore_embedded_depth, mask)
    _check_choices(bundle, backend, precision, config)
    depth.check(bundle)
    check_border(border, bundle)
    outputs.check()
    other = None if outputs.compare is None else parse_other(outputs.compare, bundle)
    with atomic_folder(destination, overwrite) as folder:
        photo = read_photo(photo_path)
        pixels = photo.pixels
        source = choose_source(
            Path(photo_path),
            pixels,
            depth,
            Path(bundle) if bundle is not None else None,
            backend,
            precision,
            config,
            size,
        )
        _check_values(source)
        if border:
            pixels, source = with_border(pixels, source, border, config or PipelineConfig())
        height, width = pixels.shape[:2]
        write_depth(folder / "depth.png", unstretched(source.disparity, height, width))
        (folder / "ldi").mkdir()
        fill_folder(folder / "ldi", full_layers(pixels, source), source.ldi.layers)
        parallax = source.layering.max_parallax
        stem = Path(photo_path).stem
        # With a border the photo's file is not the picture that depth belongs to.
        path = None if border else Path(photo_path)
        scene = Scene(pixels, lambda side: layers_at(pixels, source, side), parallax, stem, path)
        remarks = write_outputs(folder, scene, outputs)
        page = folder / "compare.html"
        if other is not None and other.folder is not None:
            compare_folders(page, (folder, destination.resolve().name), other.folder, parallax)
        elif other is not None and bundle is not None:
            compare_files(page, pixels, source, other, Path(bundle), size)
        record = Record(
            made_by=source.made_by,
            simulated=source.simulated,
            height=height,
            width=width,
            layers=source.ldi.layers,
            parallax=parallax,
            depth_range=depth_range(source.ldi),
            warnings=(
                *photo.notes,
                *(blank_photo(pixels) or disappointments(source.ldi, parallax)),
                *source.warnings,
                *remarks,
            ),
            photo_sha256=file_digest(Path(photo_path)),
            options_sha256=made_with,
        )
        record.write(folder)
        return result_of(record, destination, folder)


def result_of(record: Record, destination: Path, folder: Path | None = None) -> PhotoResult:
    """Return what was written, from a record of it.

    Args:
        record: of the 3D photo.
        destination: its folder.
        folder: where its files lie now; None for `destination`.
    """
    place = folder or destination
    return PhotoResult(
        destination=destination,
        files=tuple(sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())),
        **{name: value for name, value in asdict(record).items() if name in _SHARED},
    )


_SHARED = ("height", "width", "layers", "made_by", "simulated", "depth_range", "warnings")


def _check_choices(
    bundle: object, backend: str | None, precision: str | None, config: PipelineConfig | None
) -> None:
    """Refuse choices that exclude each other."""
    if bundle is None:
        if backend not in (None, "torch"):
            raise InputError(f"the backend {backend!r} runs the files of a bundle: give --bundle too")
        if precision not in (None, "fp32"):
            raise InputError(f"the float reference runs in fp32, not {precision!r}: give --bundle too")
        return
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
