"""photo.json: what a 3D photo was made by and from, for programs and for making it no second time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...reference.config import LayeringConfig
from ...reference.errors import InputError

FILE_NAME = "photo.json"
SCHEMA_VERSION = 1
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Record:
    """What is kept of how a 3D photo was made; nothing of the photo's own metadata.

    Attributes:
        made_by: what made the layers, in words.
        simulated: not by the runtime that a phone would use but by our model of it.
        height: of the layers, in pixels.
        width: of the layers, in pixels.
        layers: how many.
        parallax: largest, as a share of the long side, that they are made for.
        depth_range: see `PhotoResult`.
        warnings: see `PhotoResult`.
        photo_sha256: of the photo's file.
        options_sha256: see `options_digest`; None where nobody asked.
    """

    made_by: str
    simulated: bool
    height: int
    width: int
    layers: int
    parallax: float
    depth_range: float
    warnings: tuple[str, ...]
    photo_sha256: str | None = None
    options_sha256: str | None = None

    def write(self, folder: Path) -> None:
        """Write it into a 3D photo's folder."""
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=2, ensure_ascii=False)
        (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record:
    """Read the record of a 3D photo.

    Raises:
        InputError: it is missing, or not what `Record.write` writes.
    """
    path = folder / FILE_NAME
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} is {path.stat().st_size} bytes long: it is no record of a 3D photo")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or document.pop("schema_version", None) != SCHEMA_VERSION:
        raise InputError(f"{path} is no record of a 3D photo of version {SCHEMA_VERSION}")
    try:
        record = Record(**{**document, "warnings": tuple(document["warnings"])})
        fine = (
            all(isinstance(v, str) for v in (record.made_by, *record.warnings))
            and all(isinstance(v, int) and v > 0 for v in (record.height, record.width, record.layers))
            and 0 < record.parallax <= 0.5
            and 0 <= record.depth_range <= 1
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is no record of a 3D photo: {' '.join(str(error).split())}") from error
    if not fine:
        raise InputError(f"{path} is no record of a 3D photo: a value is of another kind or out of range")
    return record


def parallax_of(folder: Path) -> float:
    """Return the parallax that a 3D photo's layers are made for: the default where it has no record."""
    if not (folder / FILE_NAME).exists():
        return LayeringConfig.max_parallax
    return read_record(folder).parallax


def options_digest(options: Mapping[str, Any]) -> str:
    """Return a sha256 of what a 3D photo is made with: of options, of files named in them, and of ldikit.

    A path counts by its file's content, a bundle's folder by its manifest.

    Raises:
        InputError: a file cannot be read.
    """
    known = {name: _known(value) for name, value in options.items()} | {"ldikit": version("ldikit")}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the sha256 of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _known(value: Any) -> Any:
    """Return what stands for a value in a digest: plain JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _known(part) for name, part in vars(value).items()}
    if isinstance(value, list | tuple):
        return [_known(part) for part in value]
    path = Path(value) if isinstance(value, str | Path) else None
    if path is not None and path.is_file():
        return file_digest(path)
    if path is not None and (path / "manifest.json").is_file():
        return file_digest(path / "manifest.json")
    return str(value) if isinstance(value, Path) else value
