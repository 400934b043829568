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


def write_comparison(
    path: Path,
    other: Other,
    photo: np.ndarray,
    source: Source,
    *,
    mine: tuple[Path, str],
    bundle: Path | None,
    size: ProgramSize | None,
) -> None:
    """Write a page with a line to move between a 3D photo and another, both under one camera.

    Args:
        path: of the page.
        other: see `parse_other`.
        photo: (H, W, 3) uint8.
        source: of the 3D photo.
        mine: its folder `ldi`, and its name.
        bundle: that made it, if one did.
        size: of the bundle's program.

    Raises:
        InputError: the other cannot be read, is of another size, or the bundle has no such file.
        BackendUnavailableError, MissingExtraError: the backend is not here.
    """
    parallax = source.layering.max_parallax
    if other.folder is not None:
        # Both shrunk from what is on disk, so that no difference is of our making.
        left, right = (_shrunk(folder) for folder in (mine[0], other.folder / "ldi"))
        names = (mine[1], other.folder.resolve().name)
    else:
        assert bundle is not None
        against = from_bundle(photo, bundle, other.backend, other.precision, size)
        left, right = layers_at(photo, source, MAX_SIDE), layers_at(photo, against, MAX_SIDE)
        names = (_short(source), _short(against))
    title = f"{names[0]} and {names[1]}"
    write_viewer(path, left, other=right, names=names, parallax=parallax, title=title)


def _shrunk(folder: Path) -> LDI:
    return shrink(read_ldi(folder), MAX_SIDE)


def _short(source: Source) -> str:
    return source.made_by.removeprefix("the bundle's ").removeprefix("the ")
