"""Core ML's own results, kept in a file: what a Mac computed is judged on any machine.

A pair is an .npz of numbers alone: `input/NAME` and `output/NAME` as `MilModel.predict` takes and gives them,
and `made_by`, the UTF-8 bytes of a line that says what computed it.
"""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from .arrays import read_arrays, write_arrays
from .difference import Comparison, as_array, differences
from .features import Feature
from .inputs import new_state
from .model import MilModel

_MADE_BY = "made_by"


@dataclass(frozen=True)
class Pair:
    """An input of a model and what it gave.

    Attributes:
        inputs: name → array.
        outputs: name → array; probabilities as `as_array` orders them. Labels that are texts are left out.
        made_by: what computed the outputs, in a line.
    """

    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    made_by: str

    def write(self, path: Path, overwrite: bool) -> None:
        """Write the pair as .npz.

        Raises:
            InputError: the file exists without `overwrite`, or cannot be written.
        """
        arrays = {f"input/{name}": array for name, array in self.inputs.items()}
        arrays |= {f"output/{name}": array for name, array in self.outputs.items()}
        arrays[_MADE_BY] = np.frombuffer(self.made_by.encode(), np.uint8)
        write_arrays(path, arrays, overwrite)


def read_pair(path: Path) -> Pair:
    """Read a pair that `Pair.write` wrote.

    Raises:
        InputError: the file cannot be read (see `read_arrays`), or holds no pair.
    """
    arrays = read_arrays(path)
    inputs, outputs = (
        {name.removeprefix(role): array for name, array in arrays.items() if name.startswith(role)}
        for role in ("input/", "output/")
    )
    if not outputs or _MADE_BY not in arrays:
        raise InputError(
            f"{path} is no pair of inputs and outputs: it holds {', '.join(arrays)[:100] or 'nothing'}"
        )
    made_by = arrays[_MADE_BY].astype(np.uint8).tobytes().decode("utf-8", "replace")
    return Pair(inputs, outputs, " ".join(made_by.split())[:200])


def run_coreml(model: MilModel, inputs: Mapping[str, np.ndarray]) -> Pair:
    """Run Core ML itself, on whatever of CPU, GPU and Neural Engine it chooses.

    Args:
        model: the program; its path and function say what is run.
        inputs: name → array, as `MilModel.predict` takes it.

    Raises:
        BackendUnavailableError: this is no Mac.
        MissingExtraError: coremltools is not installed.
        InputError: Core ML refuses the model or the input.
    """
    if sys.platform != "darwin":
        raise BackendUnavailableError(
            f"Core ML runs on macOS only, not {platform.system()}: run --with coreml -o pair.npz on a Mac "
            "and --replay pair.npz here"
        )
    try:
        import coremltools
    except ModuleNotFoundError as error:
        raise MissingExtraError("coremltools", "coreml", "running Core ML models") from error
    features = {feature.name: feature for feature in model.inputs}
    for name in inputs:
        if name not in features:
            raise InputError(f"{model.path} has no input {name!r}; its inputs: {', '.join(features)}")
    feeds = {name: _fed(features[name], array) for name, array in inputs.items()}
    try:
        opened = coremltools.models.MLModel(str(model.path), function_name=_function(model))
        state = None if new_state(model) is None else opened.make_state()
        results = opened.predict(feeds, state)
    except Exception as error:  # Core ML's errors have no common class
        raise InputError(f"Core ML cannot run {model.path}: {' '.join(str(error).split())[:300]}") from error
    outputs = {feature.name: as_array(results[feature.name]) for feature in model.outputs}
    made_by = (
        f"Core ML of macOS {platform.mac_ver()[0]} ({platform.machine()}) by coremltools "
        f"{coremltools.__version__}, {model.path.name}, function {model.function.name}"
    )
    return Pair(dict(inputs), {k: v for k, v in outputs.items() if v.dtype.kind in "fiub"}, made_by)


def _fed(feature: Feature, array: np.ndarray) -> Any:
    return feature.picture(array) if feature.kind == "image" else array


def _function(model: MilModel) -> str | None:
    # Only a model of several functions may be asked for one by name.
    return None if model.function.name == "main" else model.function.name


def judge(model: MilModel, pair: Pair, tolerance: float) -> Comparison:
    """Evaluate a program on the inputs of a pair and compare with its outputs, which are the reference.

    Raises:
        InputError: the program has another input or none of the outputs.
    """
    got = model.predict(dict(pair.inputs), state=new_state(model))
    if not got.keys() & pair.outputs.keys():
        raise InputError(
            f"{model.path} has none of the outputs of the pair: "
            f"{', '.join(got)} against {', '.join(pair.outputs)}"
        )
    return Comparison(tuple(differences(pair.outputs, {k: as_array(v) for k, v in got.items()})), tolerance)
