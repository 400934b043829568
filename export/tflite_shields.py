"""Keeping the converter of litert-torch from rounding what a quantised program leaves float.

It carries a scale on, forwards and backwards, through every operation that only moves, mixes or compares
values: from the rounded input of a network back through the planes that lead to it, until the whole geometry
is int8 (at 384×512 disparity then has steps of 0.007). It stops at arithmetic. So where such a way begins,
values are doubled and halved: the same numbers, and an end to the way.
"""

import copy

from torch import fx, nn

from ..reference.quantized.points import SAME_SCALE
from ..reference.quantized.trace import ACTIVATIONS, ATEN, CONVOLUTIONS

# What the converter carries no scale through.
_ENDS = (*CONVOLUTIONS, ATEN.mul.Tensor, ATEN.sub.Tensor, ATEN.div.Tensor, ATEN.sigmoid.default)


def shielded(module: nn.Module) -> nn.Module:
    """Return a copy of a quantised program with shields in its networks (see `shield`)."""
    module = copy.deepcopy(module)
    for child in module.modules():
        if isinstance(child, fx.GraphModule):
            shield(child)
    return module


def shield(graph: fx.GraphModule) -> int:
    """Put a shield at both ends of what is int8 in a network, where it is needed.

    Args:
        graph: from `quantize_graph`; changed in place.

    Returns:
        How many shields it took.
    """
    count = 0
    for node in list(graph.graph.nodes):
        if _rounds(node):
            source = node.args[0]
            # A concatenation is rounded operand by operand: the constants among them once, in the file.
            operands = source.all_input_nodes if source.target == ATEN.cat.default else [source]
            for operand in operands:
                if _is_float(operand):
                    _insert(graph, operand, source if operand is not source else node)
                    count += 1
        elif _widens(node):
            for user in list(node.users):
                if user.target in SAME_SCALE and not any(_rounds(next_one) for next_one in user.users):
                    _insert(graph, node, user)
                    count += 1
    graph.recompile()
    return count


def _rounds(node: fx.Node) -> bool:
    return "quantized_decomposed.quantize_per_tensor" in str(node.target)


def _widens(node: fx.Node) -> bool:
    return "quantized_decomposed.dequantize_per_tensor" in str(node.target)


def _is_float(node: fx.Node) -> bool:
    """Say whether a scale could be carried back through a node to what stays float."""
    if node.op != "call_function":
        return node.op == "placeholder"
    if node.target in ACTIVATIONS and node.all_input_nodes[0].target in CONVOLUTIONS:
        return False
    computed_in_int8 = all(_widens(source) or source.op == "get_attr" for source in node.all_input_nodes)
    return not (_widens(node) or node.target in _ENDS or computed_in_int8)


def _insert(graph: fx.GraphModule, value: fx.Node, user: fx.Node) -> None:
    """Double and halve a value on its way to one user."""
    with graph.graph.inserting_before(user):
        doubled = graph.graph.call_function(ATEN.mul.Tensor, (value, 2.0))
        shielded = graph.graph.call_function(ATEN.mul.Tensor, (doubled, 0.5))
    user.replace_input_with(value, shielded)
