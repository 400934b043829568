"""What a 3D photo is compared with: another file of the same bundle, or another 3D photo."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...reference.errors import InputError
from ...reference.ldi import LDI
from ...reference.ldi_files import FILE_NAME, read_ldi
from ...reference.sizes import ProgramSize
from ..backends.protocol import BACKEND_OF_FORMAT
from ..viewer.page import MAX_SIDE, write_viewer
from ..viewer.shrink import shrink
from .scaled import layers_at
from .source import Source, from_bundle

BACKENDS = (*dict.fromkeys(BACKEND_OF_FORMAT.values()), "torch")


@dataclass(frozen=True)
class Other:
    """The other side: one of the two.

    Attributes:
        folder: of a 3D photo.
        backend: of the bundle, with `precision`.
        precision: of the bundle's file.
    """

    folder: Path | None = None
    backend: str | None = None
    precision: str | None = None


def parse_other(text: str, bundle: object) -> Other:
    """Read `BACKEND:PRECISION`, as in `torch:fp32`, or the folder of a 3D photo.

    Args:
        text: what was given.
        bundle: the bundle that makes the 3D photo, or None.

    Raises:
        InputError: it is neither, or there is no bundle.
    """
    backend, colon, precision = text.partition(":")
    if colon and backend in BACKENDS:
        if bundle is None:
            raise InputError(f"--compare {text} compares files of one bundle: give --bundle too")
        if not precision:
            raise InputError(f"--compare {text} names no precision: give for instance {backend}:fp16")
        return Other(backend=backend, precision=precision)
    folder = Path(text)
    if not (folder / "ldi" / FILE_NAME).is_file():
        raise InputError(
            f"--compare takes BACKEND:PRECISION ({', '.join(BACKENDS)}) or the folder of a 3D photo, with "
            f"ldi/ in it; got {text!r}"
        )
    return Other(folder=folder)


def compare_folders(path: Path, mine: tuple[Path, str], other: Path, parallax: float) -> None:
    """Write a page with a line to move between two 3D photos on disk, both under one camera.

    Both are shrunk the same way from what is on disk, so that no difference is of this page's making.

    Args:
        path: of the page.
        mine: the left one's folder, and its name.
        other: the right one's folder.
        parallax: of the left one's layers.

    Raises:
        InputError: layers cannot be read, or differ in size.
    """
    left, right = (shrink(read_ldi(folder / "ldi"), MAX_SIDE) for folder in (mine[0], other))
    _write(path, left, right, (mine[1], other.resolve().name), parallax)


def compare_files(
    path: Path, photo: np.ndarray, source: Source, other: Other, bundle: Path, size: ProgramSize | None
) -> None:
    """Write a page with a line to move between two files of one bundle, both under one camera.

    Args:
        path: of the page.
        photo: (H, W, 3) uint8.
        source: of the left side.
        other: with the right side's backend and precision.
        bundle: that made the left side.
        size: of the bundle's program; None takes the one that suits the photo.

    Raises:
        InputError: the bundle has no such file.
        BackendUnavailableError, MissingExtraError: the backend is not here.
    """
    against = from_bundle(photo, bundle, other.backend, other.precision, size)
    left, right = layers_at(photo, source, MAX_SIDE), layers_at(photo, against, MAX_SIDE)
    names = (_short(source), _short(against))
    _write(path, left, right, names, source.layering.max_parallax)


def _write(path: Path, left: LDI, right: LDI, names: tuple[str, str], parallax: float) -> None:
    title = f"{names[0]} and {names[1]}"
    write_viewer(path, left, other=right, names=names, parallax=parallax, title=title)


def _short(source: Source) -> str:
    return source.made_by.removeprefix("the bundle's ").removeprefix("the ")
