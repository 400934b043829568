"""Cutting an ONNX file at its int8 tensors; see `steps`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..scales.onnx_file import load_model
from .cut import MADE, Content, Cut

# They end an operation, and onnxruntime merges them with it.
_ENDINGS = ("Clip", "Relu")


def cut_onnx(path: Path) -> tuple[list[Cut], Content]:
    """Find the tensors that a QuantizeLinear makes of a value computed.

    Returns:
        the cuts in the file's order, and what makes the files.

    Raises:
        InputError: the file cannot be read.
        MissingExtraError: onnx is not installed.
    """
    model = load_model(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    rounding = [
        node
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] not in constants
    ]
    cuts = [_cut(node, makers) for node in rounding]

    def content(shapes: Sequence[tuple[int, ...]] | None) -> bytes:
        import onnx

        made = load_model(path)
        for index, cut in enumerate(cuts):
            # Without a zero point the type is uint8 (ONNX, QuantizeLinear).
            point = rounding[index].input[2] if len(rounding[index].input) > 2 else ""
            kind = kinds.get(point, onnx.TensorProto.UINT8)
            if shapes is None:
                made.graph.output.append(onnx.helper.make_tensor_value_info(cut.name, kind, None))
                continue
            info = onnx.helper.make_tensor_value_info
            made.graph.input.append(info(cut.name, kind, shapes[index]))
            made.graph.output.append(info(cut.name + MADE, kind, shapes[index]))
        if shapes is not None:
            names = {cut.name for cut in cuts}
            for node in made.graph.node:
                node.output[:] = [name + MADE if name in names else name for name in node.output]
            kept = [value for value in made.graph.value_info if value.name not in names]
            del made.graph.value_info[:]
            made.graph.value_info.extend(kept)
        return bytes(made.SerializeToString())

    return cuts, content


def _cut(rounding: Any, makers: dict[str, Any]) -> Cut:
    """Name what a QuantizeLinear rounds; it is given int8 where all its own inputs are dequantised."""
    node = makers.get(rounding.input[0], rounding)
    while node.op_type in _ENDINGS and node.input[0] in makers:
        node = makers[node.input[0]]
    first = makers.get(node.input[0])
    given = first is not None and first.op_type == "DequantizeLinear"
    return Cut(rounding.output[0], node.op_type, not given)
