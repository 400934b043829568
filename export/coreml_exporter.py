"""Core ML: an ML Program (.mlpackage) for iOS 17; the photo is an image input, /255 is inside the graph.

Through `torch.export` and `run_decompositions({})`: `torch.jit.trace` fails on the geometry in
coremltools 9.0 (DESIGN §5).
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..reference.errors import MissingExtraError
from ..runtime.manifest import ModelFile
from .half import GraphNode, half_nodes, in_scope, is_pinned
from .palette import palette
from .protocol import Converted, exporters
from .stages import StageProgram, network_scopes, pinned_scopes
from .substitutions import replacements
from .wrappers import ImageInput, channels_first_spec, image_spec, is_photo

# Operations that only carry values; they are neither computed nor counted.
_CARRIERS = ("const",)

# It divides the two scales of a sum and that of its result by one of them: a quicker sum, but then the file
# no longer holds the recipe's numbers.
_RESCALES = "common::distributive_quantized_binary_op_scale_normalization"

# Per weight tensor, 16 or 64 values; every weight is an index into them.
PALETTE_BITS = {"p4": 4, "p6": 6}


@exporters.register("coreml")
def export_coreml(stage: StageProgram, targets: Mapping[str, Path]) -> list[Converted]:
    """Write one stage as a .mlpackage; see `Exporter`."""
    try:
        import coremltools as ct
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "coremltools", "coreml", "exporting to coreml") from error
    wrapper = ImageInput(stage).eval()
    example = stage.example()
    exported = torch.export.export(wrapper, example).run_decompositions({})
    half = mark_half(exported.graph, network_scopes(wrapper), pinned_scopes(wrapper, stage.pinned))
    written = []
    for precision, path in sorted(targets.items()):
        outside: list[str] = []
        model = ct.convert(
            exported,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=_precision(ct, precision, half, outside),
            inputs=[_input(ct, plane, stage) for plane in stage.inputs],
            outputs=[ct.TensorType(name=plane.name, dtype=np.float32) for plane in stage.outputs],
            skip_model_load=True,
            pass_pipeline=_passes(ct),
        )
        if precision in PALETTE_BITS:
            model = _with_palettes(model, PALETTE_BITS[precision])
        model.short_description = f"{stage.stage} of photo to layered depth image, {stage.size}, {precision}"
        model.save(str(path))
        # coremltools writes its debug handles beside the model; nothing reads them.
        for leftover in path.glob("*debug_handle*"):
            leftover.unlink()
        found = replacements("coreml", stage, operations(model.get_spec()), len(outside))
        written.append(Converted(_entry(stage, precision), found))
    return written


def operations(spec: Any) -> Counter[str]:
    """Count the operations of an ML Program by kind, constants left out."""
    blocks = (
        block
        for function in spec.mlProgram.functions.values()
        for block in function.block_specializations.values()
    )
    return Counter(op.type for block in blocks for op in block.operations if op.type not in _CARRIERS)


def mark_half(graph: torch.fx.Graph, networks: Collection[str], pinned: Collection[str] = ()) -> set[int]:
    """Number every node (coremltools hands the numbers on) and return those that run in half precision.

    Args:
        graph: of an exported program.
        networks: names of the modules that are networks.
        pinned: names of modules inside them that stay in single precision.
    """
    nodes = list(graph.nodes)
    described = {}
    for number, node in enumerate(nodes):
        node.meta["debug_handle"] = number
        # A module's second call is written name@1.
        stack = [re.sub(r"@\d+", "", entry[0]) for entry in (node.meta.get("nn_module_stack") or {}).values()]
        described[number] = GraphNode(
            inputs=[source.meta["debug_handle"] for source in node.all_input_nodes],
            network=node.op == "call_function" and in_scope(stack, networks),
            convolution="conv" in str(node.target),
            pinned=is_pinned(stack, networks, pinned),
        )
    return half_nodes(described)


def _precision(ct: Any, precision: str, half: set[int], outside: list[str]) -> Any:
    """Return coremltools' compute precision; what it keeps in single precision is noted in `outside`."""
    if precision != "fp16":
        return ct.precision.FLOAT32
    from coremltools.converters.mil.mil.scope import ScopeSource

    def chosen(operation: Any) -> bool:
        handles = operation.scopes.get(ScopeSource.EXIR_DEBUG_HANDLE, [None])
        if handles and handles[0] in half:
            return True
        if operation.op_type not in _CARRIERS:
            outside.append(operation.name)
        return False

    return ct.transform.FP16ComputePrecision(op_selector=chosen)


def _passes(ct: Any) -> Any:
    """Return coremltools' default passes without the one that changes a recipe's numbers."""
    passes = ct.PassPipeline.DEFAULT
    passes.remove_passes({_RESCALES})
    return passes


def _with_palettes(model: Any, bits: int) -> Any:
    """Return a model whose larger weights (2048 numbers or more) are indices into palettes.

    One palette a weight tensor, without scales per channel: coremltools 9.0 writes a broken model with
    those. The palettes are ours because coremltools' k-means needs scikit-learn.
    """
    from coremltools.optimize import coreml as compress

    each = compress.OpPalettizerConfig(mode="custom", lut_function=partial(palette, bits=bits))
    return compress.palettize_weights(model, compress.OptimizationConfig(global_config=each))


def _input(ct: Any, plane: Any, stage: StageProgram) -> Any:
    shape = plane.shape(stage.size)
    if is_photo(plane):
        return ct.ImageType(name=plane.name, shape=shape, color_layout=ct.colorlayout.RGB)
    return ct.TensorType(name=plane.name, shape=shape, dtype=np.float32)


def _entry(stage: StageProgram, precision: str) -> ModelFile:
    return ModelFile(
        path="",
        stage=stage.stage,
        size=str(stage.size),
        format="coreml",
        precision=precision,
        sha256="",
        bytes=0,
        inputs=tuple(
            (image_spec if is_photo(plane) else channels_first_spec)(plane, stage.size)
            for plane in stage.inputs
        ),
        outputs=tuple(channels_first_spec(plane, stage.size) for plane in stage.outputs),
    )
