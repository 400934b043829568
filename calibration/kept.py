"""Choosing by pattern which layers stay float, or are int8 in their weight alone."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from ..reference.config import PipelineConfig
from ..reference.errors import InputError
from ..reference.sizes import LANDSCAPE
from .network_runs import KeptLayers, NetworkRuns


def layers_of(config: PipelineConfig) -> dict[str, list[str]]:
    """Return the layers of a pipeline's networks that int8 rounds, by "depth" and "inpaint"."""
    networks = NetworkRuns(config).networks(LANDSCAPE.height, LANDSCAPE.width)
    return {stage: list(tracked.points.layers.values()) for stage, tracked in networks.items()}


DEPTH_REASON = "int8 activations of a depth network move where scenes tear, more than the gates allow"


def depth_arithmetic(layers: Mapping[str, Sequence[str]]) -> dict[str, KeptLayers]:
    """Return that the depth network computes in float, with int8 weights.

    Args:
        layers: by network, see `layers_of`.
    """
    return {"depth": KeptLayers(weight_only=dict.fromkeys(layers["depth"], DEPTH_REASON))}


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
