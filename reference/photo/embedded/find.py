"""Looking for depth in a photo's file, whatever its name ends in."""

import io
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image

from ..opening import opened, orientation
from .apple_jpeg import read_apple_jpeg
from .depth import EmbeddedDepth, Frame, Search, UnusableError
from .dynamic_depth import read_dynamic_depth
from .gdepth import read_gdepth
from .heic import read_heic
from .jpeg import SOI

_MAX_BYTES = 1 << 29
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_SIDEWAYS = (5, 6, 7, 8)
_JPEG_READERS = (read_dynamic_depth, read_gdepth, read_apple_jpeg)


def find_embedded_depth(path: Path | str) -> EmbeddedDepth | None:
    """Return the depth that a photo carries, or None; see `search_embedded_depth`, which also says why.

    Raises:
        InputError: the file is missing, no regular file, empty or unreadable.
    """
    return search_embedded_depth(path).depth


def search_embedded_depth(path: Path | str) -> Search:
    """Look for depth in a photo: Apple's portrait HEIC and JPEG, Google's GDepth and Dynamic Depth.

    The content decides what the file is, never its name. Depth that is damaged, of an unknown encoding, of
    another shape than the photo or the same everywhere is left unused, with a note. The file is only read.

    Args:
        path: the photo. Whether it can itself be decoded is `read_photo`'s business.

    Raises:
        InputError: the file is missing, no regular file, empty or unreadable.
    """
    path = Path(path)
    notes: list[str] = []
    with opened(path, "photo") as stream:
        head = stream.read(12)
        is_heic = head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS
        if not is_heic and not head.startswith(SOI):
            return Search(None)
        if path.stat().st_size > _MAX_BYTES:
            return Search(None, (_unused(f"the file is longer than {_MAX_BYTES >> 20} MB"),))
        data = b"" if is_heic else head + stream.read()
    depth = _usable(notes, partial(read_heic, path, notes)) if is_heic else _in_jpeg(data, notes)
    return Search(depth, tuple(dict.fromkeys(notes)))


def _in_jpeg(data: bytes, notes: list[str]) -> EmbeddedDepth | None:
    """Try each container of JPEG; the first that holds a usable depth wins."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as photo:
                turn, (width, height) = orientation(photo), photo.size
    except Exception:  # decoders raise nearly anything; `read_photo` says it in words
        return None
    frame = Frame(width, height, turn) if turn in _SIDEWAYS else Frame(height, width, turn)
    for reader in _JPEG_READERS:
        depth = _usable(notes, partial(reader, data, frame, notes))
        if depth is not None:
            return depth
    return None


def _usable(notes: list[str], read: Callable[[], EmbeddedDepth | None]) -> EmbeddedDepth | None:
    """Return what a container holds, or note why it cannot be used."""
    try:
        depth = read()
        if depth is not None and depth.disparity.min() == depth.disparity.max():
            raise UnusableError("it is the same everywhere")
    except UnusableError as error:
        notes.append(_unused(str(error)))
        return None
    return depth


def _unused(reason: str) -> str:
    return f"the depth that the photo carries was left unused: {reason}"
