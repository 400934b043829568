"""Bringing the files of a published network into the cache folder."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..errors import InputError
from .download import download, file_sha256
from .entries import ModelFile, entry_of
from .locate import model_folder


@dataclass(frozen=True)
class FetchedFile:
    """One file of a network, here now.

    Attributes:
        path: where it lies.
        sha256: what it is.
        checked: the sha256 is the published one; False where no published one is known.
        fetched: it was not here before.
    """

    path: Path
    sha256: str
    checked: bool
    fetched: bool


def fetch(name: str, source: str | None = None, overwrite: bool = False) -> list[FetchedFile]:
    """Fetch the files of the network `name` that are not here yet, and check those that are.

    Args:
        name: of an entry.
        source: a folder, or a URL of one, that holds the files instead of the published places; what lies
            there must be the published files all the same.
        overwrite: fetch anew a file that is here and is not the published one.

    Raises:
        InputError: no such network, a file cannot be had, or one that is here is not the published one.
    """
    entry = entry_of(name)
    folder = model_folder(entry)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    return [_fetch_file(file, folder / file.name, source, overwrite) for file in entry.files]


def _fetch_file(file: ModelFile, path: Path, source: str | None, overwrite: bool) -> FetchedFile:
    """Fetch one file from the first place that gives the right one, unless it is here."""
    checked = file.sha256 is not None
    if path.is_file():
        found = file_sha256(path)
        if not checked or found == file.sha256:
            return FetchedFile(path, found, checked, fetched=False)
        if not overwrite:
            raise InputError(
                f"{path} is not the published file (sha256 {found}, not {file.sha256}): "
                "--overwrite to fetch it anew"
            )
    urls = file.urls
    schemes: tuple[str, ...] = ("https", "file")
    if source is not None:
        urls, schemes = (_inside(source, file.name),), ("https", "http", "file")
    failures = []
    for url in urls:
        try:
            return FetchedFile(path, download(url, path, file.sha256, file.size, schemes), checked, True)
        except InputError as error:
            failures.append(str(error))
    raise InputError("; ".join(failures) + f". Without a network, put {file.name} into {path.parent}")


def _inside(source: str, name: str) -> str:
    """Return the URL of a file in a folder or below a URL."""
    if len(urlsplit(source).scheme) > 1:  # One letter is a drive of Windows.
        return f"{source.rstrip('/')}/{quote(name)}"
    folder = Path(source).expanduser().absolute()
    if not (folder / name).is_file():
        raise InputError(f"no {name} in {folder}")
    return (folder / name).as_uri()
