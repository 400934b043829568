"""What of a network depends on no input: computed once, for there is nothing in it to round on any photo."""

from operator import attrgetter

import torch
from torch import fx


def fold_constants(graph: fx.GraphModule) -> None:
    """Put constants, in place, where a traced network computes from its parameters and buffers alone.

    A layer that works on a fixed plane, such as the height of each row, is none that photos pass through:
    converters hold its result, and no format has its weights or a scale of it.
    """
    known: dict[fx.Node, torch.Tensor] = {}
    folded: list[fx.Node] = []
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            known[node] = attrgetter(node.target)(graph)
        elif _is_pure(node) and node.all_input_nodes and all(n in known for n in node.all_input_nodes):
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
            with torch.no_grad():
                result = node.target(*args, **kwargs)
            if isinstance(result, torch.Tensor):
                known[node] = result
                folded.append(node)
    ends = [node for node in folded if any(user not in known for user in node.users)]
    for number, node in enumerate(ends):
        name = f"constant{number}"
        graph.register_buffer(name, known[node], persistent=False)
        with graph.graph.inserting_before(node):
            constant = graph.graph.get_attr(name)
        constant.meta["val"] = node.meta.get("val")
        node.replace_all_uses_with(constant)
    if ends:
        graph.graph.eliminate_dead_code()
        graph.delete_all_unused_submodules()
        graph.recompile()


def _is_pure(node: fx.Node) -> bool:
    """Say whether a node is an operation that changes nothing in place."""
    return (
        node.op == "call_function"
        and isinstance(node.target, torch._ops.OpOverload)
        and not node.target._schema.is_mutable
    )
