"""Writing without loss: a file or folder appears whole or not at all, and nothing old is lost by an error."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError


def check_new(path: Path, overwrite: bool) -> None:
    """Refuse an output path that exists, unless it may be overwritten, or whose parent cannot be written.

    Raises:
        InputError: with what to do.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already: give another -o, or --overwrite to replace it")
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise InputError(f"cannot write {path}: {parent} is not a folder")
    if not os.access(parent, os.W_OK):
        raise InputError(f"cannot write {path}: no permission to write in {parent}")


@contextmanager
def atomic_folder(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill; on success it becomes `path`, on error it vanishes.

    An existing `path` is replaced only after the new one is complete, and only with `overwrite`.

    Raises:
        InputError: `path` exists without `overwrite`, or cannot be written (permission, full disk).
    """
    path = Path(path)
    check_new(path, overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        temporary.chmod(0o755)
        yield temporary
        if path.exists():
            _swap(temporary, path)
        else:
            temporary.rename(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, old: Path) -> None:
    """Put `new` in the place of `old`; if that fails, `old` stays."""
    aside = Path(tempfile.mkdtemp(prefix=f".{old.name}.old.", dir=old.parent))
    kept = aside / "kept"
    old.rename(kept)
    try:
        new.rename(old)
    except OSError:
        kept.rename(old)
        raise
    finally:
        if old.exists():
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def atomic_file(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary file path beside `path` to write; on success it becomes `path`, on error it vanishes.

    Raises:
        InputError: `path` exists without `overwrite`, or cannot be written.
    """
    path = Path(path)
    check_new(path, overwrite)
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
