"""Unpacking Debian packages without Debian's tools: an `ar` archive that holds a tar file (deb(5))."""

import io
import os
import tarfile
from collections.abc import Callable, Collection
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from ...reference.errors import InputError

_MAGIC = b"!<arch>\n"
_HEADER = 60
# More than any package here holds; a package is signed, but a damaged one shall not fill the disk.
LARGEST_BYTES = 1 << 30


def unpack(
    package: Path,
    target: Path,
    wanted: Callable[[str], bool] = lambda name: True,
    only: Collection[str] = (),
) -> None:
    """Unpack the files of a package into a folder; devices and owners are left out.

    Args:
        package: the .deb file, packed with xz, gzip or bzip2.
        target: the folder.
        wanted: of a path inside ("usr/bin/x"), whether it is unpacked.
        only: paths; where given, nothing else is unpacked, and reading stops when all are found.

    Raises:
        InputError: it is damaged, leads out of the folder, is too large, or lacks one of `only`.
        OSError: it cannot be written.
    """
    missing = set(only)
    left = LARGEST_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(_data(package)), mode="r|*") as archive:
            for member in archive:
                name = _inside(member.name, package)
                if not name or (only and name not in missing) or not wanted(name):
                    continue
                left -= member.size
                if left < 0:
                    raise InputError(f"{package.name} holds more than {LARGEST_BYTES >> 20} MiB")
                _place(archive, member, target, name, package)
                missing.discard(name)
                if only and not missing:
                    return
    except (tarfile.TarError, EOFError, LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{package.name} is damaged: {error}") from error
    if missing:
        raise InputError(f"{package.name} has no {sorted(missing)[0]}")


def _data(package: Path) -> bytes:
    """Return the tar file inside the `ar` archive."""
    with package.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"{package.name} is not a Debian package")
        while len(header := file.read(_HEADER)) == _HEADER:
            try:
                name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
            except ValueError as error:
                raise InputError(f"{package.name} is damaged: {error}") from error
            if name.startswith("data.tar"):
                content = file.read(min(size, LARGEST_BYTES))
                if len(content) != size:
                    raise InputError(f"{package.name} is cut short")
                return content
            file.seek(size + size % 2, io.SEEK_CUR)
    raise InputError(f"{package.name} has no data")


def _inside(name: str, package: Path) -> str:
    """Return a member's path without "./"; refuse one that leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{package.name} holds the path {name!r}, which leads out of its folder")
    return "" if path == PurePosixPath(".") else str(path)


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, name: str, package: Path) -> None:
    place = target / name
    root = target.resolve()
    if not place.parent.resolve().is_relative_to(root):
        raise InputError(f"{package.name} holds the path {name!r}, which leads out of its folder")
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    if member.issym() or member.islnk():
        link = PurePosixPath(member.linkname)
        if member.islnk() or link.is_absolute():
            # Of the root that is unpacked, not of this machine.
            inner = target / _inside(str(link).lstrip("/"), package)
            link = PurePosixPath(os.path.relpath(inner, place.parent))
        place.symlink_to(link)
    elif member.isfile():
        source = archive.extractfile(member)
        assert source is not None
        with place.open("wb") as file:
            while block := source.read(1 << 20):
                file.write(block)
        place.chmod(0o755 if member.mode & 0o100 else 0o644)
