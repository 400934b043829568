"""A folder of photos to a folder of 3D photos with a page that shows them all."""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ...reference.errors import InputError
from ...reference.files import atomic_file, check_new
from ...reference.progress import track
from .photo import make_3d_photo
from .pictures import GAP
from .record import Record, file_digest, options_digest, read_record

INDEX = "index.html"
# By this a page that a gallery may replace is known.
MARK = '<meta name="generator" content="ldikit gallery">'
THUMBNAIL = 400


@dataclass
class Gallery:
    """What became of the photos.

    Attributes:
        photos: how many there were.
        made: names of 3D photos that were made.
        kept: names of those that were there, complete, of the same photo and options.
        failed: the photo's file name, and why, in one line.
    """

    photos: int
    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def make_gallery(
    photos: Sequence[Path], destination: Path, choices: Mapping[str, Any], overwrite: bool = False
) -> Gallery:
    """Make a 3D photo of each photo in a folder of its own, and `index.html`.

    A bad photo does not stop the others. After an interrupt, what is complete is listed; the next time it is
    kept, and the rest is made.

    Args:
        photos: their files.
        destination: folder for all; it may exist.
        choices: keyword arguments of `make_3d_photo` for each.
        overwrite: replace 3D photos of other photos or options, and a page that is no gallery.

    Raises:
        InputError: `destination` cannot be written, an option is wrong, or its page is someone else's.
        MissingExtraError, BackendUnavailableError: a library or backend is not here.
    """
    check_new(destination, overwrite=True)
    index = destination / INDEX
    if not overwrite and index.exists() and not is_gallery(index):
        check_new(index, overwrite=False)
    made_with = options_digest(choices)
    names = folder_names(photos)
    gallery = Gallery(len(photos))
    try:
        for photo, name in track(list(zip(photos, names, strict=True)), "3D photos", total=len(photos)):
            try:
                if _complete(destination / name, photo, made_with):
                    gallery.kept.append(name)
                    continue
                make_3d_photo(photo, destination / name, **choices, made_with=made_with, overwrite=overwrite)
                gallery.made.append(name)
            except InputError as error:
                gallery.failed[photo.name] = str(error)
    finally:
        if gallery.made or gallery.kept:
            there = [name for name in names if name in gallery.made or name in gallery.kept]
            write_index(index, destination, there, gallery.failed)
    return gallery


def folder_names(photos: Sequence[Path]) -> list[str]:
    """Return a folder name for each photo: its name, with its suffix where two would be the same."""
    stems = [photo.stem.lower() for photo in photos]
    return [
        photo.stem if stems.count(photo.stem.lower()) == 1 else photo.name.replace(".", "-")
        for photo in photos
    ]


def is_gallery(index: Path) -> bool:
    """Say whether a page was written by `write_index`."""
    try:
        with index.open(encoding="utf-8", errors="replace") as file:
            return MARK in file.read(4096)
    except OSError:
        return False


def write_index(index: Path, folder: Path, names: Sequence[str], failed: Mapping[str, str]) -> None:
    """Write the page over an older one.

    Args:
        index: of the page.
        folder: in which the 3D photos lie.
        names: of the 3D photos' folders, in order.
        failed: photos that are not there, and why.

    Raises:
        InputError: it cannot be written.
    """
    here = Path(__file__).parent
    style = (here / "gallery.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(here),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("gallery.html.jinja").render(
        mark=Markup(MARK),
        style=Markup(style),
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        photos=[_described(folder / name, read_record(folder / name)) for name in names],
        failed=failed,
    )
    with atomic_file(index, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _complete(folder: Path, photo: Path, made_with: str) -> bool:
    """Say whether a folder holds the 3D photo of this very photo and options."""
    try:
        record = read_record(folder)
    except InputError:
        return False
    return record.options_sha256 == made_with and record.photo_sha256 == file_digest(photo)


def _described(folder: Path, record: Record) -> dict[str, Any]:
    """Return what the page says of a 3D photo."""
    uri, width, height = _thumbnail(folder / "preview.jpg")
    videos = ("video.mp4", "video.gif", "video.webp", "wiggle.gif", "refocused.jpg", "compare.html")
    return {
        "name": folder.name,
        "thumbnail": uri,
        "width": width,
        "height": height,
        "pixels": (record.width, record.height),
        "warnings": record.warnings,
        "more": [name for name in videos if (folder / name).is_file()],
    }


def _thumbnail(preview: Path) -> tuple[str, int, int]:
    """Return the photo, the first of the preview's 3×2 pictures, small: data URI, width and height."""
    with Image.open(preview) as sheet:
        width, height = (sheet.width - 2 * GAP) // 3, (sheet.height - GAP) // 2
        tile = sheet.crop((0, 0, width, height)).convert("RGB")
    tile.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    tile.save(buffer, "JPEG", quality=82)
    return (
        "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
        tile.width,
        tile.height,
    )
