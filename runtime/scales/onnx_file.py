"""ONNX: QuantizeLinear and DequantizeLinear in the saved graph; precisions as onnxruntime computes them.

The file says which numbers there are. What is computed in int8, onnxruntime decides when it loads the file:
it merges an operation with the QuantizeLinear and DequantizeLinear around it. So precisions are read from the
graph that it runs, optimised as for a phone's processor (ARM).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import InputError, MissingExtraError
from ..backends.onnxruntime_backend import LOG_ERRORS, SETTINGS, require
from .found import FoundScale, FoundScales, OperationPrecision
from .slots import Slot, Slots, check_count

LARGEST_BYTES = 2**31 - 1  # protobuf itself takes no more
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# They end a layer and are merged with it.
_ENDINGS = ("Clip", "Relu")
# Element types by the number that ONNX gives them.
_PRECISIONS = {1: "fp32", 10: "fp16", 2: "int8", 3: "int8"}


def read_scales(path: Path, slots: Slots) -> FoundScales:
    """Return every scale of a quantised .onnx; see `readers.read_scales`.

    A tensor's numbers stand in its QuantizeLinear and again in each DequantizeLinear that reads it: where
    they differ from the first, they are given too.
    """
    graph = _Graph(load_model(path), path)
    rounding = [node for node in graph.nodes if node.op_type == "QuantizeLinear"]
    check_count("tensors rounded to int8", len(rounding), slots.activations, path)
    activations = []
    for node, slot in zip(rounding, slots.activations, strict=True):
        own = graph.parameters(node, slot)
        again = [graph.parameters(user, slot) for user in graph.users(node, "DequantizeLinear")]
        activations += [own, *(other for other in again if other != own)]
    layers = list(graph.int8_weights())
    check_count("int8 layers", len(layers), slots.weights, path)
    weights = [graph.parameters(node, slot) for node, slot in zip(layers, slots.weights, strict=True)]
    return FoundScales(tuple(activations), tuple(weights))


def read_operations(path: Path, slots: Slots | None) -> list[OperationPrecision]:
    """Return the precision of every operation of a .onnx; see `readers.read_operations`."""
    model = load_model(path)
    asked: dict[str, Slot] = {}
    kinds: dict[Slot, str] = {}
    if slots is not None:
        graph = _Graph(model, path)
        rounding = [node for node in graph.nodes if node.op_type == "QuantizeLinear"]
        check_count("tensors rounded to int8", len(rounding), slots.activations, path)
        for node, wanted in zip(rounding, slots.activations, strict=True):
            if wanted.operation:
                asked[node.output[0]] = wanted
                kinds[wanted] = graph.computing(node).op_type
    saved = _inferred(model, path)
    running = saved if slots is None else _optimised(path)
    types = {**_types(saved), **_types(running)}  # onnxruntime writes no types of its own, and keeps names
    # What gives a rounded tensor is computed in int8, unless a QuantizeLinear was left over to give it.
    graph = _Graph(running, path)
    giving = {}
    for name, wanted in asked.items():
        maker = graph.makers.get(name)
        if maker is not None:
            computing = graph.computing(maker) if maker.op_type == "QuantizeLinear" else maker
            giving[id(computing)] = wanted
    found = []
    for node in graph.nodes:
        slot = giving.get(id(node))
        names = (*node.output, *node.input)
        precision = next((_PRECISIONS[types[n]] for n in names if types.get(n) in _PRECISIONS), None)
        if precision is not None:
            found.append(OperationPrecision(node.op_type, precision, slot))
            if slot is not None:
                kinds.pop(slot, None)
    return found + [OperationPrecision(kind, "unknown", slot) for slot, kind in kinds.items()]


class _Graph:
    """The nodes of a saved model, in their order, with who makes and who takes what."""

    def __init__(self, model: Any, path: Path) -> None:
        self.path = path
        self.nodes = list(model.graph.node)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.takers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.takers.setdefault(name, []).append(node)

    def users(self, node: Any, kind: str) -> list[Any]:
        """Return the nodes of one kind that take a node's result."""
        return [user for user in self.takers.get(node.output[0], ()) if user.op_type == kind]

    def computing(self, rounding: Any) -> Any:
        """Return the node whose result is rounded, before the activation function that ends it."""
        node = self.makers.get(rounding.input[0], rounding)
        while node.op_type in _ENDINGS and node.input[0] in self.makers:
            node = self.makers[node.input[0]]
        return node

    def int8_weights(self) -> Iterator[Any]:
        """Yield, for every layer with int8 weights, the DequantizeLinear of its weights."""
        for node in self.nodes:
            if node.op_type not in _WEIGHTED or len(node.input) < 2:
                continue
            maker = self.makers.get(node.input[1])
            if maker is not None and maker.op_type == "Transpose":
                maker = self.makers.get(maker.input[0])
            if maker is not None and maker.op_type == "DequantizeLinear" and self._stored(maker.input[0]):
                yield maker

    def _stored(self, name: str) -> bool:
        """Whether a value is a constant of the file, or (a kernel that is the same for all) one repeated."""
        maker = self.makers.get(name)
        if maker is not None and maker.op_type == "Expand":
            name = maker.input[0]
        return name in self.constants

    def parameters(self, node: Any, slot: Slot) -> FoundScale:
        """Return scale and zero point of a QuantizeLinear or DequantizeLinear; without the latter it is 0."""
        scales = self._numbers(node, 1, slot)
        points = self._numbers(node, 2, slot) if len(node.input) > 2 and node.input[2] else np.zeros(1)
        return FoundScale(
            slot, tuple(float(s) for s in scales.reshape(-1)), tuple(int(z) for z in points.reshape(-1))
        )

    def _numbers(self, node: Any, index: int, slot: Slot) -> np.ndarray:
        import onnx

        tensor = self.constants.get(node.input[index])
        if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise InputError(f"{self.path}: {slot} has a scale or zero point that is no constant of the file")
        try:
            array: np.ndarray = onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise InputError(f"{self.path}: {slot} has a damaged scale or zero point: {error}") from error
        return array


def load_model(path: Path) -> Any:
    """Return an ONNX file's model; numbers that it keeps in other files are not read.

    Raises:
        InputError: it cannot be read, or is too large.
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "onnx", "onnx", "reading ONNX files") from error
    from google.protobuf.message import DecodeError

    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path} is larger than an ONNX file can be (2 GiB)")
        return onnx.load_model_from_string(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except DecodeError as error:
        raise InputError(f"{path} is not an ONNX file: {error}") from error


def _optimised(path: Path) -> Any:
    """Return the graph that onnxruntime runs, without what it does for this machine's processor alone."""
    onnxruntime = require()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = LOG_ERRORS
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(target)
        for setting in SETTINGS:
            options.add_session_config_entry(*setting)
        try:
            onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class but this
            raise InputError(
                f"onnxruntime cannot open {path}: {' '.join(str(error).split())[:300]}"
            ) from error
        return load_model(target)


def _inferred(model: Any, path: Path) -> Any:
    """Return a model with the types of all its values."""
    import onnx

    try:
        return onnx.shape_inference.infer_shapes(model)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: types cannot be inferred: {error}") from error


def _types(model: Any) -> dict[str, int]:
    graph = model.graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        types[value.name] = value.type.tensor_type.elem_type
    return types
