"""Where the files of published networks lie on this machine."""

import os
import sys
from pathlib import Path

from ..errors import InputError
from .entries import ModelEntry, entry_of

# Names another cache folder than the platform's.
FOLDER_VARIABLE = "LDIKIT_MODELS"


def cache_folder() -> Path:
    """Return the folder of all models: `LDIKIT_MODELS`, else `ldikit/models` in the user's cache folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return _user_cache() / "ldikit" / "models"


def model_folder(entry: ModelEntry) -> Path:
    """Return the folder of one network, there or not."""
    return cache_folder() / (entry.folder or entry.name)


def missing_files(entry: ModelEntry) -> list[Path]:
    """Return the files of a network that are not here."""
    folder = model_folder(entry)
    return [folder / file.name for file in entry.files if not (folder / file.name).is_file()]


def locate(name: str) -> Path:
    """Return the folder that holds all files of the network `name`.

    Raises:
        InputError: no such network, or files are missing; says how to get them, with and without a network.
    """
    entry = entry_of(name)
    missing = missing_files(entry)
    if missing:
        names = ", ".join(path.name for path in missing)
        raise InputError(
            f"the weights of {name} are not here: `ldikit models get {name}` fetches them, "
            f"or put {names} of {entry.source} into {model_folder(entry)}"
        )
    return model_folder(entry)


def _user_cache() -> Path:
    """Return the folder where this platform keeps what can be fetched again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification: a relative path is ignored.
    return chosen if chosen.is_absolute() else Path.home() / ".cache"
