"""An int8 file with the rounding of its activations taken out: what the converter made of the operations.

Rounding is chaotic. Where a value lies between two steps, a difference of 1e-7 makes a whole step of it, and
a hundred layers later the same program run twice differs by as much as quantisation itself costs. So an int8
file is compared with its torch program in two parts that are both exact: its scales are read (`scales`), and
its operations are run here without the rounding, next to the torch program without it.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from ..backends.loader import open_literal
from ..backends.protocol import Runner
from ..manifest import ModelFile


def open_unrounded(path: Path, entry: ModelFile) -> Runner:
    """Load an int8 or w8 file without the rounding of its activations.

    Raises:
        MissingExtraError, BackendUnavailableError: the runtime is not here.
        InputError: the file cannot be read.
    """
    return _OPENERS[entry.format](path, entry)


def _open_onnx(path: Path, entry: ModelFile) -> Runner:
    from ..scales.onnx_file import load_model

    model = load_model(path)
    without_rounding(model)
    return _open_content(model.SerializeToString(), path, entry)


def _open_tflite(path: Path, entry: ModelFile) -> Runner:
    from .unrounded_tflite import widened

    return _open_content(widened(path), path, entry)


def _open_content(content: bytes, path: Path, entry: ModelFile) -> Runner:
    """Load what was made of a file, from a temporary one; runtimes have read it when they are loaded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name
        file.write_bytes(content)
        try:
            return open_literal(file, entry)
        except InputError as error:
            raise InputError(str(error).replace(str(file), f"{path} without rounding")) from error


def without_rounding(model: Any) -> None:
    """Let whoever reads a dequantised tensor of an ONNX model read what was quantised instead.

    Args:
        model: a ModelProto, changed in place. Weights stay rounded.
    """
    rounded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    instead: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded:
            instead[node.output[0]] = rounded[node.input[0]]
    for node in model.graph.node:
        node.input[:] = [_first(name, instead) for name in node.input]
    outputs = {value.name for value in model.graph.output}
    if outputs & instead.keys():
        raise InputError(f"outputs {sorted(outputs & instead.keys())} are rounded: they must stay float")


def _first(name: str, instead: dict[str, str]) -> str:
    """Follow a tensor back through every rounding before it (a damaged file may go round in circles)."""
    for _ in range(len(instead)):
        if name not in instead:
            break
        name = instead[name]
    return name


def _open_coreml(path: Path, entry: ModelFile) -> Runner:
    from ..backends.coreml_backend import EvaluatorRunner, require
    from ..mil import MilModel, load
    from ..mil.program import Function, Operation

    require()
    model = load(path)
    rounded: dict[str, str] = {}
    instead: dict[str, str] = {}
    kept: list[Operation] = []
    for operation in model.function.operations:
        inputs = {
            argument: tuple(_first(b, instead) if isinstance(b, str) else b for b in bindings)
            for argument, bindings in operation.inputs.items()
        }
        source = inputs.get("input", (None,))[0]
        if operation.kind == "quantize" and isinstance(source, str):
            rounded[operation.name] = source
        if operation.kind == "dequantize" and isinstance(source, str) and source in rounded:
            instead[operation.name] = rounded[source]
            continue
        kept.append(replace(operation, inputs=inputs))
    function: Function = replace(model.function, operations=tuple(kept))
    return EvaluatorRunner(MilModel(path, function, model.inputs, model.outputs), entry)


_OPENERS: dict[str, Callable[[Path, ModelFile], Runner]] = {
    "onnx": _open_onnx,
    "coreml": _open_coreml,
    "tflite": _open_tflite,
}
