"""Arrays in .npy and .npz files: read without running or allocating what a file asks for, written whole."""

import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...reference.errors import InputError
from ...reference.files import atomic_file

MAX_BYTES = 2**31
"""No file may unpack to more."""

MAX_ARRAYS = 4096
"""No .npz may hold more arrays."""

# What numpy and zipfile raise on damaged, encrypted or oddly packed files; InputError passes.
_DAMAGE = (ValueError, OverflowError, EOFError, RuntimeError, SyntaxError, MemoryError, zlib.error)


def _read_array(stream: BinaryIO, size: int, what: str) -> np.ndarray:
    """Read an array of numbers from the `size` bytes of a .npy file; objects are refused by their header."""
    version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise InputError(f"{what} is a .npy of version {version[0]}.{version[1]}; known are 1.0 and 2.0")
    shape, by_columns, dtype = readers[version](stream)
    if dtype.kind not in "fiub":
        raise InputError(f"{what} wants numbers, got {dtype}")
    held = size - stream.tell()
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != held:
        raise InputError(f"{what} is cut short or damaged: {held} bytes for {dtype}{list(shape)}")
    values = np.frombuffer(stream.read(held), dtype)
    return values.reshape(shape, order="F" if by_columns else "C")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a .npz file by their names, or the one of a .npy file, which is called "".

    Raises:
        InputError: the file is missing, damaged or none of both, unpacks to more than 2 GiB or holds
            anything but numbers.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(6) == b"\x93NUMPY":
                stream.seek(0)
                size = path.stat().st_size
                if size > MAX_BYTES:
                    raise InputError(f"{path} has {size} bytes, more than 2 GiB: refused")
                return {"": _read_array(stream, size, str(path))}
        with zipfile.ZipFile(path) as archive:
            return _unpacked(archive, path)
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "no .npz or .npy file, or damaged"
        raise InputError(f"cannot read {path}: {reason}") from error
    except _DAMAGE as error:
        raise InputError(f"cannot read {path}: {' '.join(str(error).split())[:200]}") from error


def _unpacked(archive: zipfile.ZipFile, path: Path) -> dict[str, np.ndarray]:
    entries = archive.infolist()
    size = sum(entry.file_size for entry in entries)
    if size > MAX_BYTES or len(entries) > MAX_ARRAYS:
        raise InputError(f"{path} unpacks to {len(entries)} arrays of {size} bytes, more than 2 GiB or 4096")
    arrays = {}
    for entry in entries:
        name = entry.filename.removesuffix(".npy")
        with archive.open(entry) as stream:
            # A zip never gives more bytes than its entry declares.
            arrays[name] = _read_array(stream, entry.file_size, f"{path}: array {name!r}")  # type: ignore[arg-type]
    return arrays


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], overwrite: bool) -> None:
    """Write a .npz file, whole or not at all.

    Raises:
        InputError: the file exists without `overwrite`, is called otherwise, or cannot be written.
    """
    if path.suffix.lower() != ".npz":
        raise InputError(f"{path}: arrays are written as .npz, name the output so")
    with atomic_file(path, overwrite) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **dict(arrays))  # type: ignore[arg-type]
