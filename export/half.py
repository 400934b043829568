"""Which operations of a program run in half precision: those of the inpainting network, none of the geometry.

The geometry stays in single precision because it misses the fp16 gates otherwise: with everything in fp16, on
six cards before a slope at 384×512, the gap-weighted IoU of the second hidden layer fell to 0.978 (gate 0.99)
and layer 0 was no longer the photo. Disparity alone, rounded to the 11 bits of fp16, already costs that layer
as much in places. So the last convolution of a network and what follows it (the upsampling and squashing that
make its result) stay in single precision as well.
"""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

REASON = "in half precision depth and geometry miss the gap-weighted IoU of 0.99 and layer 0 is not the photo"

PINNED_REASON = (
    "their values, or those they take, leave the range of half precision on the calibration photos"
)


@dataclass(frozen=True)
class GraphNode:
    """One operation of any format's graph, as far as choosing its precision needs it.

    Attributes:
        inputs: keys of the operations whose results it takes.
        network: it belongs to a network.
        convolution: it is one.
        pinned: it has to stay in single precision (see `fp16_audit`).
    """

    inputs: Collection[Hashable] = field(default_factory=tuple)
    network: bool = False
    convolution: bool = False
    pinned: bool = False


def half_nodes(graph: Mapping[Key, GraphNode]) -> set[Key]:
    """Return the operations from the first convolution of a network on, up to what its last one takes.

    Args:
        graph: every operation by key, in an order in which inputs come before their users.

    Returns:
        Keys of the operations of a network that come after a convolution of the same call of that network,
        or are one, and before another; without those that are pinned.
    """
    after: set[Hashable] = set()
    for key, node in graph.items():
        if node.network and (node.convolution or any(name in after for name in node.inputs)):
            after.add(key)
    before: set[Hashable] = set()
    for key, node in reversed(list(graph.items())):
        if node.network and (node.convolution or key in before):
            before.update(name for name in node.inputs if name in graph)  # type: ignore[operator]
    return {key for key in graph if key in after and key in before and not graph[key].pinned}


def in_scope(names: Collection[str], scopes: Collection[str]) -> bool:
    """Say whether one of the module names on a stack is a network, or inside one."""
    return any(name == scope or name.startswith(f"{scope}.") for name in names for scope in scopes)


def is_pinned(names: Collection[str], scopes: Collection[str], pinned: Collection[str]) -> bool:
    """Say whether the innermost module on a stack of names, outermost first, is among those pinned.

    Args:
        names: of the modules on the stack; names of other things among them are passed over.
        scopes: names of the networks.
        pinned: names of modules inside them.
    """
    inside = [name for name in names if in_scope([name], scopes)]
    return bool(inside) and inside[-1] in pinned
