"""Ranges that a network itself gives: clamps that say what a tensor can hold before any photo is seen.

Networks that were published with their int8 ranges keep them as such clamps (see `depth/tiefenrausch`). The
fixed bounds of an activation function (ReLU6) are none: what a layer gives is mostly far inside them.
"""

from typing import TYPE_CHECKING, Any

from torch import fx

from .recipe import INT8_MAX, INT8_MIN, NetworkRecipe
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
    _drop(
        graph, [n for n in graph.graph.nodes if is_limit(n) and n.users and all(map(_rounds_inside, n.users))]
    )


def drop_limits_of(graph: fx.GraphModule, points: "Points", recipe: NetworkRecipe) -> None:
    """Take out of a traced network, in place, the clamps that its int8 program will not have.

    Args:
        graph: from `trace`.
        points: what of it is int8.
        recipe: its scales.
    """
    entries = {name: recipe.activations[tensor] for name, tensor in points.activations.items()}
    _drop(
        graph,
        [
            node
            for node in graph.graph.nodes
            if is_limit(node)
            and node.name in entries
            and _inside(node, entries[node.name].scale, entries[node.name].zero_point, INT8_MIN, INT8_MAX)
        ],
    )


def _drop(graph: fx.GraphModule, limits: list[fx.Node]) -> None:
    for node in limits:
        node.replace_all_uses_with(node.all_input_nodes[0])
        graph.graph.erase_node(node)
    graph.recompile()


def _bounds(node: fx.Node) -> tuple[float, float]:
    low, high = node.args[1:]
    return float(low), float(high)  # type: ignore[arg-type]


def _rounds_inside(user: fx.Node) -> bool:
    """Say whether a node rounds the result of a clamp to numbers that all lie inside it."""
    if "quantized_decomposed.quantize_per_tensor" not in str(user.target):
        return False
    scale: Any
    scale, *codes = user.args[1:5]
    return _inside(user.all_input_nodes[0], scale, *codes)


def _inside(limit: fx.Node, scale: float, zero_point: Any, least: Any, most: Any) -> bool:
    """Say whether the numbers of int8 codes, `least` to `most`, lie inside a clamp."""
    low, high = _bounds(limit)
    return low <= (least - zero_point) * scale and (most - zero_point) * scale <= high
