"""The cache folder of the ARM64 root: where it lies, what it says of itself, whether it still fits."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...reference.errors import BackendUnavailableError
from . import wheels

# Names another cache folder than the user's.
FOLDER_VARIABLE = "LDIKIT_ARM64"
MANIFEST = "arm64.json"
SCHEMA_VERSION = 1
SETUP = "run `ldikit arm64 setup`"


@dataclass(frozen=True)
class Cache:
    """A complete cache folder.

    Attributes:
        folder: where it lies.
        root: the ARM64 file system: inside the folder, or one that the user gave.
        python: the guest's Python inside the root.
        qemu: the emulator.
        qemu_version: of it.
        wheels: version of each distribution.
        counter: the folder of the QEMU that counts instructions; None where it was not made.
        checksums: sha256 of every package and wheel that it was made of, by name and version.
    """

    folder: Path
    root: Path
    python: str
    qemu: Path
    qemu_version: str
    wheels: dict[str, str]
    counter: Path | None = None
    checksums: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        """The folder of the guest's modules."""
        return self.folder / "site"

    def manifest(self) -> str:
        """Return the text of arm64.json; paths inside the folder are written relative to it."""
        data = asdict(self)
        del data["folder"]
        for name in ("root", "qemu", "counter"):
            path = data[name]
            if path is not None:
                inside = path.is_relative_to(self.folder)
                data[name] = str(path.relative_to(self.folder) if inside else path)
        return json.dumps({"schema_version": SCHEMA_VERSION, **data}, indent=1) + "\n"


def cache_folder() -> Path:
    """Return the folder of the cache, there or not: `LDIKIT_ARM64`, else in the user's cache folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    user = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification: a relative path is ignored.
    return (user if user.is_absolute() else Path.home() / ".cache") / "ldikit" / "arm64"


def open_cache(folder: Path | None = None) -> Cache:
    """Open the cache folder.

    Args:
        folder: None for `cache_folder()`.

    Raises:
        BackendUnavailableError: there is none, or it was made by another ldikit, or for other versions of
            the runtimes than are installed now.
    """
    folder = cache_folder() if folder is None else folder
    try:
        data: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if data.pop("schema_version") != SCHEMA_VERSION:
            raise BackendUnavailableError(f"{folder} was made by another version of ldikit: {SETUP}")
        for name in ("root", "qemu", "counter"):
            if data[name] is not None:
                data[name] = folder / data[name]
        cache = Cache(folder, **data)
    except FileNotFoundError as error:
        raise BackendUnavailableError(f"there is no ARM64 root in {folder}: {SETUP}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendUnavailableError(f"{folder / MANIFEST} is damaged ({error}): {SETUP}") from error
    for name, version in wheels.installed().items():
        if cache.wheels.get(name) != version:
            held = cache.wheels.get(name, "none")
            raise BackendUnavailableError(f"{folder} holds {name} {held}, installed is {version}: {SETUP}")
    if not cache.qemu.is_file():
        raise BackendUnavailableError(f"{cache.qemu} is gone: {SETUP}")
    return cache
