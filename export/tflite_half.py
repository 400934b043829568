"""TFLite's fp16: which weights are stored in half precision.

The other formats leave a depth network single, because the layering passes its error on in full (see
`stages.network_scopes`). In TFLite arithmetic is single anyhow and the weights alone are rounded: those of a
depth network are halved where half precision holds every one exactly, as it does those of `pocket`.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from .stages import StageProgram, network_scopes, pinned_scopes

_CASTING = {
    "weight_tensor_config": {
        "num_bits": 16,
        "symmetric": True,
        "granularity": "TENSORWISE",
        "dtype": "FLOAT",
    },
    "compute_precision": "FLOAT",
    "explicit_dequantize": True,
    "skip_checks": False,
    "min_weight_elements": 0,
}

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "EMBEDDING_LOOKUP")
"""The operations whose weights ai-edge-quantizer casts to half precision."""


def half_weights(content: bytes, stage: StageProgram) -> tuple[bytes, int]:
    """Store the weights of a TFLite model in half precision.

    Args:
        content: the float32 model that `stage` was converted to.
        stage: what was converted; says which weights are those of the inpainting network.

    Returns:
        The model, and how many of its operations keep their weights in single precision.

    Raises:
        RuntimeError: ai_edge_quantizer gives no model.
    """
    from ai_edge_quantizer import quantizer

    single = _single_operations(content, stage)
    recipe = [_rule(".*", "float_casting")]
    if single:
        recipe.append(_rule(f"^(?:{'|'.join(map(re.escape, single))});", "no_quantize"))
    halver = quantizer.Quantizer(content)
    halver.load_quantization_recipe(recipe)
    result = halver.quantize().quantized_model
    if result is None:
        raise RuntimeError("ai_edge_quantizer gave no model")
    return bytes(result), len(single)


def _rule(names: str, algorithm: str) -> dict[str, Any]:
    """A rule of ai-edge-quantizer for operations whose result's name matches; of two, the later holds."""
    return {"regex": names, "operation": "*", "algorithm_key": algorithm, "op_config": _CASTING}


def _single_operations(content: bytes, stage: StageProgram) -> list[str]:
    """Return the names of the results of operations whose weights stay single."""
    halved = _inpainting_weights(stage)
    return [
        name
        for name, weight in _weights(content)
        if not np.array_equal(_halved(weight), weight) and _fingerprint(weight) not in halved
    ]


def _inpainting_weights(stage: StageProgram) -> frozenset[bytes]:
    """Return the fingerprints of the inpainting network's weights, without those of pinned modules."""
    module: nn.Module = stage.module
    scopes, pinned = network_scopes(module), pinned_scopes(module, stage.pinned)
    return frozenset(
        _fingerprint(tensor.detach().cpu().numpy())
        for name, tensor in module.state_dict().items()
        if _under(name, scopes) and not _under(name, pinned)
    )


def _under(name: str, scopes: Collection[str]) -> bool:
    return any(name.startswith(f"{scope}.") for scope in scopes)


def _weights(content: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield every constant float32 weight of an operation, with the name of the operation's result."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kinds = {getattr(schema.BuiltinOperator, name) for name in WEIGHTED}
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    for graph in model.subgraphs:
        for operation in graph.operators:
            if codes[operation.opcodeIndex] not in kinds:
                continue
            weight = graph.tensors[operation.inputs[1]]
            buffer = model.buffers[weight.buffer]
            # Constants may lie behind the tables.
            data = (
                content[buffer.offset : buffer.offset + buffer.size] if buffer.data is None else buffer.data
            )
            if len(data) and weight.type == schema.TensorType.FLOAT32:
                name = graph.tensors[operation.outputs[0]].name.decode()
                yield name, np.frombuffer(bytes(data), np.float32)


def _halved(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return weight.astype(np.float16).astype(np.float32)


def _fingerprint(weight: NDArray[np.float32]) -> bytes:
    """What a weight keeps when a converter turns its layout: its values, in order of size."""
    return np.sort(weight, axis=None).tobytes()
