"""ONNX files: what onnxruntime's NNAPI and Core ML execution providers take, by its own usability checker."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from ..backends.onnxruntime_backend import require
from ..scales.onnx_file import load_model
from .readiness import Readiness, by_type, rewrites
from .rules import COREML_EP, HINTS, NNAPI

_UNKNOWN_SHAPE, _AXES = "unknown shape", "more axes than 5"
_COREML_OPERATIONS = "coreml_supported_mlprogram_ops.md"


def lint_onnx(path: Path, name: str) -> list[Readiness]:
    """Judge one file; the graph as it is written, before onnxruntime optimises it.

    Args:
        path: of the file.
        name: its path in the bundle.

    Raises:
        InputError: it cannot be read.
        MissingExtraError, BackendUnavailableError: onnx or onnxruntime is not here.
    """
    require()
    model = load_model(path)
    import onnx
    from onnxruntime.tools.mobile_helpers import usability_checker

    try:
        model = onnx.shape_inference.infer_shapes(model)
        nnapi = usability_checker.check_nnapi_partitions(model, True)
        coreml = usability_checker.check_coreml_partitions(model, False, _COREML_OPERATIONS)
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"{path} cannot be checked: {' '.join(str(error).split())[:300]}") from error
    return [_readiness(name, NNAPI, model, nnapi), _readiness(name, COREML_EP, model, coreml)]


def _readiness(name: str, target: str, model: Any, found: Any) -> Readiness:
    """Put the checker's answer into ours."""
    refused = {kind.removeprefix("ai.onnx:") for kind in found.unsupported_ops}
    breaking = by_type([node.op_type for node in model.graph.node if _named(node) in refused])
    if found.nodes_unsupported_due_to_dynamic_input:
        breaking[_UNKNOWN_SHAPE] = found.nodes_unsupported_due_to_dynamic_input
    if found.num_unsupported_nodes_due_to_rank:
        breaking[_AXES] = found.num_unsupported_nodes_due_to_rank
    return Readiness(
        name,
        target,
        found.num_nodes,
        found.num_supported_nodes,
        found.num_partitions,
        breaking,
        measured=False,
        source=f"usability checker of onnxruntime {version('onnxruntime')}",
        rewrite=rewrites(breaking, HINTS[target]),
        caveats=tuple(found.supported_ops_checker.get_caveats()),
    )


def _named(node: Any) -> str:
    return f"{node.domain}:{node.op_type}" if node.domain else str(node.op_type)
