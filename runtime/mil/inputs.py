"""What a program is given to run on: files of a user, or seeded random values."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import InputError
from ...reference.photo.decode import read_photo
from .arrays import read_arrays
from .features import Feature
from .model import MilModel
from .types import check_size

_ARRAY_FILES = (".npz", ".npy")
_MOST_RANDOM_INTEGER = 9


def read_inputs(model: MilModel, files: Iterable[str]) -> dict[str, np.ndarray]:
    """Read the inputs of a program.

    Args:
        model: the program.
        files: each a FILE, or NAME=FILE for the input NAME. An .npz gives every array by its name, or with
            NAME that array (or its only one); an .npy or a photo belongs to NAME, or to the only input (the
            only image) that there is. A photo is stretched to the image's shape.

    Returns:
        name → array, as `MilModel.predict` takes it.

    Raises:
        InputError: a file cannot be read, is for no input of the model, or for one that was given already.
    """
    features = {feature.name: feature for feature in model.inputs}
    given: dict[str, np.ndarray] = {}
    for text in files:
        name, path = _named(text, features)
        if path.suffix.lower() in _ARRAY_FILES:
            found = _from_arrays(path, name, features)
        else:
            feature = _only(
                path, name, {k: f for k, f in features.items() if f.kind == "image"}, "image input"
            )
            found = {feature.name: _picture(path, feature)}
        for key, array in found.items():
            if key not in features:
                raise InputError(f"{path}: {model.path} has no input {key!r}; its inputs: {_list(features)}")
            if key in given:
                raise InputError(f"input {key!r} is given twice, the second time by {path}")
            given[key] = array
    return given


def _named(text: str, features: dict[str, Feature]) -> tuple[str | None, Path]:
    """Take NAME=FILE apart; a file whose own name has a "=" is a file."""
    name, found, file = text.partition("=")
    if not found or (name not in features and Path(text).exists()):
        return None, Path(text)
    if name not in features:
        raise InputError(f"--input {text}: the model has no input {name!r}; its inputs: {_list(features)}")
    return name, Path(file)


def _list(features: dict[str, Feature]) -> str:
    return ", ".join(features) or "none"


def _only(path: Path, name: str | None, features: dict[str, Feature], what: str) -> Feature:
    if name is not None:
        if name not in features:
            raise InputError(f"{path}: {name!r} is no {what} of the model: give it as .npy or .npz")
        return features[name]
    if len(features) != 1:
        raise InputError(
            f"{path} could be for several inputs or none: the model has {len(features)} {what}s "
            f"({_list(features)}); write NAME={path}, or give a .npz"
        )
    return next(iter(features.values()))


def _from_arrays(path: Path, name: str | None, features: dict[str, Feature]) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    if "" in arrays:
        return {_only(path, name, features, "input").name: arrays[""]}
    if name is None:
        return arrays
    if name in arrays:
        return {name: arrays[name]}
    if len(arrays) != 1:
        raise InputError(f"{path} has no array {name!r}; it has {', '.join(arrays) or 'none'}")
    return {name: next(iter(arrays.values()))}


def _picture(path: Path, feature: Feature) -> np.ndarray:
    from PIL import Image

    height, width = feature.shape[:2]
    check_size((height, width, 3), f"image {feature.name!r}")
    image = Image.fromarray(read_photo(path).pixels)
    if feature.color in ("grey", "grey fp16"):
        image = image.convert("L")
    pixels = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    return pixels.astype(feature.dtype)


def random_inputs(model: MilModel, seed: int = 0) -> dict[str, np.ndarray]:
    """Make an input for every feature that is not optional, the same for the same model and seed.

    Images are uniform in 0..255, float tensors of normal distribution (mean 0, variance 1), integers uniform
    in 0..9, which are indices of most tables.

    Raises:
        InputError: a shape is open, so that only the user knows one.
    """
    rng = np.random.default_rng(seed)
    return {f.name: _random(f, rng) for f in model.inputs if not (f.optional and f.shape)}


def _random(feature: Feature, rng: np.random.Generator) -> np.ndarray:
    shape = feature.shape or tuple(low for low, _ in feature.ranges)
    if not shape:
        raise InputError(f"input {feature.name!r} has an open shape: give it with --input")
    check_size(shape, f"input {feature.name!r}")
    if feature.kind == "image":
        return rng.integers(0, 256, shape).astype(feature.dtype)
    if np.dtype(feature.dtype).kind == "f":
        return rng.standard_normal(shape, np.float32).astype(feature.dtype)
    return rng.integers(0, _MOST_RANDOM_INTEGER + 1, shape).astype(feature.dtype)


def new_state(model: MilModel) -> Any:
    """A new state of a model that has any, else None."""
    has_states = any(value.type.holder == "state" for value in model.function.inputs)
    return model.make_state() if has_states else None
