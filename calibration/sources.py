"""Where photos come from: those bundled with the package, or a folder of the user's own."""

from pathlib import Path

from ..reference.errors import InputError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".avif"}
)
"""File name endings, in lower case, that count as photos in a folder."""

BUNDLED = ("flower.jpg", "coffee.jpg", "china.jpg", "astronaut_portrait.jpg", "cat.jpg", "rocket.jpg")
"""Bundled photos in the order in which they are used; the first makes a good 3D photo."""

_PHOTOS = Path(__file__).parent / "photos"


def bundled_photos() -> list[Path]:
    """Paths of the photos that come with the package (both orientations; terms in photos/LICENSES.md).

    Raises:
        InputError: a photo is missing, so the installation is damaged.
    """
    paths = [_PHOTOS / name for name in BUNDLED]
    for path in paths:
        if not path.is_file():
            raise InputError(f"the bundled photo {path.name} is missing from {_PHOTOS}: reinstall ldikit")
    return paths


def folder_photos(path: Path | str) -> list[Path]:
    """Paths of the photos in a folder, sorted by name; not those in its subfolders, nor hidden files.

    Raises:
        InputError: the folder is missing, is not a folder, cannot be read, or holds no photo.
    """
    folder = Path(path)
    if not folder.exists():
        raise InputError(f"photo folder {folder} does not exist: give a folder that holds photos")
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder that holds the photos")
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"photo folder {folder} cannot be read: {error.strerror or error}") from error
    found = [
        entry
        for entry in entries
        if entry.suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith(".") and entry.is_file()
    ]
    if not found:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise InputError(f"no photo in {folder}: it must hold files ending in {kinds}")
    return found
