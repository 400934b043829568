"""Writing without loss: a file or folder appears whole or not at all, and nothing old is lost by an error.

An interrupt (KeyboardInterrupt) counts as an error. SIGTERM does only in a program that turns it into an
exception; one that is killed outright leaves hidden temporary files, but never a half-written output.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError


def check_new(path: Path, overwrite: bool) -> None:
    """Refuse an output path that exists, unless it may be overwritten, or whose parent cannot be written.

    Raises:
        InputError: with what to do.
    """
    try:
        if os.path.lexists(path) and not overwrite:
            raise InputError(f"{path} exists already: name another output, or --overwrite to replace it")
        if path.is_dir() and _holds_the_working_folder(path):
            raise InputError(f"cannot replace {path}: it holds the working folder; name another output")
        parent = path.parent
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir():
            raise InputError(f"cannot write {path}: {parent} is not a folder")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: no permission to write in {parent}")


def _holds_the_working_folder(path: Path) -> bool:
    """Say whether `path` is the working folder or one around it: replacing that would take far too much."""
    return Path.cwd().is_relative_to(path.resolve())


@contextmanager
def atomic_folder(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill; on success it becomes `path`, on error it vanishes.

    An existing `path` is replaced only after the new one is complete, and only with `overwrite`.

    Raises:
        InputError: `path` exists without `overwrite`, or cannot be written (permission, full disk).
    """
    path = Path(path)
    check_new(path, overwrite)
    temporary = _beside(path, "new")
    with _parents(path), _one_line(path, temporary):
        try:
            temporary.mkdir()
            yield temporary
            if not os.path.lexists(path):
                temporary.rename(path)
            elif overwrite:
                _swap(temporary, path)
            else:
                raise InputError(f"{path} was made by something else meanwhile, and is left as it is")
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


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
    temporary = _beside(path, "new")
    with _parents(path), _one_line(path, temporary):
        try:
            temporary.touch(exist_ok=False)
            yield temporary
            if os.path.lexists(path) and not overwrite:
                raise InputError(f"{path} was made by something else meanwhile, and is left as it is")
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink()


def _beside(path: Path, role: str) -> Path:
    """Return an unused hidden name beside `path`, of the same suffix, never too long for the system."""
    return path.parent / f".{path.stem[:40]}.{role}-{secrets.token_hex(6)}{path.suffix[:20]}"


@contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Make the folders above `path`; on error take away again those that were made and are empty."""
    missing = []
    parent = path.parent
    while not parent.exists():
        missing.append(parent)
        parent = parent.parent
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def _one_line(path: Path, temporary: Path) -> Iterator[None]:
    """Turn an OSError of writing (full disk, no permission) into an `InputError` about `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        if error.filename is not None:
            file = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
            if file is not None and file != temporary and not file.is_relative_to(temporary):
                reason += f" ({file})"
        raise InputError(f"cannot write {path}: {reason}") from error


def _swap(new: Path, old: Path) -> None:
    """Put `new` in the place of `old`; whatever goes wrong or interrupts, `old` stays."""
    kept = _beside(old, "old")
    try:
        old.rename(kept)
        new.rename(old)
    except BaseException:
        # Interrupted between the two, or just after either: the old one goes back unless the new one is in.
        if os.path.lexists(kept) and not os.path.lexists(old):
            kept.rename(old)
        raise
    finally:
        if os.path.lexists(old):
            _remove(kept)


def _remove(path: Path) -> None:
    """Remove a file, link or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
