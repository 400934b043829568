"""Finding the files of a .mlpackage folder. No path of a manifest or a program may leave the folder."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ...reference.errors import InputError
from .blob import WeightFile

_MAX_MANIFEST = 2**20
_MAX_MODEL = 2**31 - 1  # protobuf itself takes no more
_MODEL_PATH = "@model_path/"


@dataclass
class Package:
    """The files of one saved model.

    Attributes:
        path: the .mlpackage folder, or a single .mlmodel file.
        model: the serialised model.
    """

    path: Path
    model: Path
    _weights: dict[str, WeightFile] = field(default_factory=dict, repr=False)

    def read_model(self) -> bytes:
        """Return the bytes of the serialised model.

        Raises:
            InputError: the file is unreadable or larger than protobuf takes (2 GiB).
        """
        try:
            size = self.model.stat().st_size
            if size > _MAX_MODEL:
                raise InputError(f"{self.model} has {size} bytes; a Core ML model has less than 2 GiB")
            return self.model.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {self.model}: {error.strerror or error}") from error

    def weights(self, name: str) -> WeightFile:
        """Return the weight file that a program calls `name` ("@model_path/weights/weight.bin").

        Raises:
            InputError: the name leaves the folder, or the file is missing or no weight file.
        """
        if name not in self._weights:
            if not name.startswith(_MODEL_PATH):
                raise InputError(f"{self.path}: weight file {name!r} does not start with {_MODEL_PATH!r}")
            folder = self.model.parent
            path = _inside(folder, name[len(_MODEL_PATH) :], self.path)
            if not path.is_file():
                raise InputError(f"{self.path}: weight file {name!r} is missing ({path})")
            self._weights[name] = WeightFile(path)
        return self._weights[name]


def _inside(folder: Path, relative: str, source: Path) -> Path:
    try:
        path = (folder / relative).resolve()
        inside = path.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{source}: path {relative!r} cannot be used: {error}") from error
    if not inside:
        raise InputError(f"{source}: path {relative!r} leaves the model's folder")
    return path


def open_package(path: Path) -> Package:
    """Find the model in a .mlpackage folder by its Manifest.json, or take a single .mlmodel file.

    Raises:
        InputError: nothing is there, the manifest is missing, not JSON or too large, names no model, or a
            path in it leaves the folder.
    """
    path = Path(path)
    if path.is_file():
        return Package(path, path)
    if not path.is_dir():
        raise InputError(f"there is no Core ML model at {path}")
    manifest_path = path / "Manifest.json"
    try:
        if manifest_path.stat().st_size > _MAX_MANIFEST:
            raise InputError(f"{manifest_path} is larger than 1 MiB: not the manifest of a model package")
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} is no .mlpackage: cannot read its Manifest.json: {error.strerror}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{manifest_path} is not JSON: {error}") from error
    try:
        relative = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{manifest_path} names no model (rootModelIdentifier and its entry)") from error
    if not isinstance(relative, str):
        raise InputError(f"{manifest_path}: the path of the model is {relative!r}, not a text")
    model = _inside(path / "Data", relative, path)
    if not model.is_file():
        raise InputError(f"{path}: the model {relative!r} named by its manifest is missing")
    return Package(path, model)
