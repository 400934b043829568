"""Choosing by pattern which layers stay float, or are int8 in their weight alone."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.quantized.grid import needs_plus_128
from ..reference.quantized.qdq import weight_of
from ..reference.sizes import LANDSCAPE
from .network_runs import KeptLayers, NetworkRuns


def layers_of(config: PipelineConfig) -> dict[str, list[str]]:
    """Return the layers of a pipeline's networks that int8 rounds, by "depth" and "inpaint"."""
    networks = NetworkRuns(config).networks(LANDSCAPE.height, LANDSCAPE.width)
    return {stage: list(tracked.points.layers.values()) for stage, tracked in networks.items()}


DEPTH_REASON = "int8 activations of a depth network move where scenes tear, more than the gates allow"


BEYOND_REASON = "its weight was published on steps of which it takes +128, one more than int8 holds"


def depth_arithmetic(config: PipelineConfig) -> dict[str, KeptLayers]:
    """Return that a pipeline's depth network computes in float, with int8 weights where int8 holds them."""
    tracked = NetworkRuns(config).networks(LANDSCAPE.height, LANDSCAPE.width)["depth"]
    stay_float: dict[str, str] = {}
    weight_only: dict[str, str] = {}
    for node in tracked.graph.graph.nodes:
        layer = tracked.points.layers.get(node.name)
        if layer is None:
            continue
        if needs_plus_128(weight_of(tracked.graph, node)):
            stay_float[layer] = BEYOND_REASON
        else:
            weight_only[layer] = DEPTH_REASON
    return {"depth": KeptLayers(stay_float, weight_only)}


def kept_by_patterns(
    layers: Mapping[str, Sequence[str]], stay_float: Sequence[str], weight_only: Sequence[str]
) -> dict[str, KeptLayers]:
    """Return which layers are kept, with the pattern as the reason.

    Args:
        layers: by network, see `layers_of`.
        stay_float: patterns of "NETWORK/LAYER", with * and ?, of layers that stay float.
        weight_only: likewise, of layers of which the weight alone is int8; float comes first.

    Raises:
        InputError: a pattern matches no layer.
    """
    kept: dict[str, KeptLayers] = {}
    used: set[str] = set()
    for stage, names in layers.items():
        found: tuple[dict[str, str], dict[str, str]] = ({}, {})
        for layer in names:
            matches = [
                next((p for p in patterns if fnmatchcase(f"{stage}/{layer}", p)), None)
                for patterns in (stay_float, weight_only)
            ]
            used.update(p for p in (*stay_float, *weight_only) if fnmatchcase(f"{stage}/{layer}", p))
            if matches[0] is not None:
                found[0][layer] = f"asked for by {matches[0]}"
            elif matches[1] is not None:
                found[1][layer] = f"asked for by {matches[1]}"
        kept[stage] = KeptLayers(*found)
    idle = [pattern for pattern in (*stay_float, *weight_only) if pattern not in used]
    if idle:
        examples = ", ".join(f"{stage}/{names[0]}" for stage, names in layers.items() if names)
        raise InputError(f"no layer is called {idle[0]!r}: give patterns of names such as {examples}")
    return kept
