"""ONNX: opset 18 through torch's own exporter; planes channels first, float32 at the borders."""

import ast
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..reference.errors import MissingExtraError
from ..runtime.manifest import ModelFile
from .onnx_compact import compact
from .onnx_half import to_half
from .protocol import Converted, exporters
from .stages import StageProgram, network_scopes, pinned_scopes
from .substitutions import replacements
from .wrappers import Positional, channels_first_spec

OPSET = 18

# What torch writes beside every node (its stack trace, with this machine's paths, is half of the file).
_SCOPES = "pkg.torch.onnx.name_scopes"


@exporters.register("onnx")
def export_onnx(stage: StageProgram, targets: Mapping[str, Path]) -> list[Converted]:
    """Write one stage as ONNX; see `Exporter`."""
    try:
        import onnx
        import onnx_ir
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "onnx", "onnx", "exporting to onnx") from error
    wrapper = Positional(stage).eval()
    program = torch.onnx.export(
        wrapper,
        stage.example(),
        dynamo=True,
        opset_version=OPSET,
        input_names=[plane.name for plane in stage.inputs],
        output_names=[plane.name for plane in stage.outputs],
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model
    model.producer_version = torch.__version__
    scopes = {id(node): _scopes(node) for node in model.graph}
    for node in model.graph:
        node.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs, *(v for n in model.graph for v in n.outputs)):
        value.metadata_props.clear()
    for initializer in model.graph.initializers.values():
        initializer.metadata_props.clear()
    model.metadata_props.clear()
    written = []
    # Half precision last: it changes the model where it stands.
    for precision in sorted(targets, reverse=True):
        pinned = 0
        if precision == "fp16":
            pinned = to_half(model, scopes, network_scopes(wrapper), pinned_scopes(wrapper, stage.pinned))
        proto = onnx_ir.to_proto(model)
        compact(proto)
        onnx.checker.check_model(proto, full_check=True)
        targets[precision].write_bytes(proto.SerializeToString())
        found = replacements("onnx", stage, operations(proto), pinned)
        written.append(Converted(_entry(stage, precision), found))
    return written


def operations(model: Any) -> Counter[str]:
    """Count the operations of an ONNX model by kind."""
    return Counter(node.op_type for node in model.graph.node)


def _scopes(node: Any) -> tuple[str, ...]:
    """Return the names of the modules that a node of torch's exporter comes from, outermost first."""
    text = node.metadata_props.get(_SCOPES)
    return tuple(ast.literal_eval(text)) if text else ()


def _entry(stage: StageProgram, precision: str) -> ModelFile:
    return ModelFile(
        path="",
        stage=stage.stage,
        size=str(stage.size),
        format="onnx",
        precision=precision,
        sha256="",
        bytes=0,
        inputs=tuple(channels_first_spec(plane, stage.size) for plane in stage.inputs),
        outputs=tuple(channels_first_spec(plane, stage.size) for plane in stage.outputs),
    )
