"""Ranges that a network itself gives: clamps that say what a tensor can hold before any photo is seen.

Networks that were published with their int8 ranges keep them as such clamps (see `depth/tiefenrausch`). The
fixed bounds of an activation function (ReLU6) are none: what a layer gives is mostly far inside them.
"""

from typing import TYPE_CHECKING, Any

from torch import fx

from .trace import ATEN

if TYPE_CHECKING:
    from .points import Points

# Who gave a range, in the place of the observer that else would have found it.
GIVEN_BY = "the network"


def is_limit(node: fx.Node) -> bool:
    """Say whether an operation is a clamp to a range, low and high."""
    return (
        node.target == ATEN.clamp.default
        and len(node.args) == 3
        and all(isinstance(bound, int | float) for bound in node.args[1:])
    )


def is_limited(node: fx.Node) -> bool:
    """Say whether an operation's result goes only into a clamp to a range, which then is part of it."""
    users = list(node.users)
    return len(users) == 1 and is_limit(users[0])


def given_ranges(graph: fx.GraphModule, points: "Points") -> dict[str, tuple[float, float]]:
    """Return low and high of the tensors whose range the network gives, by the leader of their group.

    A group whose tensors are given different ranges has none.
    """
    found: dict[str, set[tuple[float, float]]] = {}
    for node in graph.graph.nodes:
        if node.name in points.activations and is_limit(node):
            found.setdefault(points.groups[points.activations[node.name]], set()).add(_bounds(node))
    return {leader: next(iter(ranges)) for leader, ranges in found.items() if len(ranges) == 1}


def drop_idle_limits(graph: fx.GraphModule) -> None:
    """Take out, in place, the clamps whose result is rounded to int8 numbers that all lie inside them.

    Rounding holds what it rounds inside the range of its numbers, so nothing changes, but the operation
    before becomes the one that is rounded: converters join only these two to one int8 operation.
    """
    for node in list(graph.graph.nodes):
        if is_limit(node) and node.users and all(_inside(user, *_bounds(node)) for user in node.users):
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph.graph.erase_node(node)
    graph.recompile()


def _bounds(node: fx.Node) -> tuple[float, float]:
    low, high = node.args[1:]
    return float(low), float(high)  # type: ignore[arg-type]


def _inside(user: fx.Node, low: float, high: float) -> bool:
    """Say whether a node rounds what it takes to numbers between low and high."""
    if "quantized_decomposed.quantize_per_tensor" not in str(user.target):
        return False
    numbers: tuple[Any, ...] = user.args[1:5]
    scale, zero_point, least, most = numbers
    return low <= (least - zero_point) * scale and (most - zero_point) * scale <= high
