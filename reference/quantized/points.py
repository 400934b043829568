"""Which tensors of a network become int8: the rules, read off its graph.

A convolution (or linear layer) is computed in int8, and with it whatever only combines or moves int8 results:
sums, products, concatenations, upsampling, slices. What feeds an int8 operation or comes out of one is
rounded to int8. Layers whose result leaves the network without another layer after them stay float: one
8-bit step of disparity is a stair in every slope (DESIGN §5).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from torch import fx

from .limits import is_limit, is_limited
from .trace import ACTIVATIONS, ATEN, CONVOLUTIONS, is_fused, layer_of, tensor_names

# They combine tensors of different scales.
COMBINING = (ATEN.add.Tensor, ATEN.mul.Tensor)
# Their result has their inputs' scale: on phones they only move or mix int8 values.
SAME_SCALE = (
    ATEN.cat.default,
    ATEN.upsample_bilinear2d.vec,
    ATEN.upsample_nearest2d.vec,
    ATEN.slice.Tensor,
    ATEN.view.default,
    ATEN.reshape.default,
    ATEN.permute.default,
    ATEN.max_pool2d.default,
    ATEN.avg_pool2d.default,
    ATEN.adaptive_avg_pool2d.default,
    ATEN.pad.default,
)

OUTPUT_REASON = "its result leaves the network: finer than 8 bits (one step would be a stair in every slope)"


@dataclass(frozen=True)
class Points:
    """What of a network is int8.

    Attributes:
        activations: node → name of the tensor, for every result that is rounded to int8.
        groups: name → the name whose scale it shares (its own where it is alone).
        layers: node of an int8 convolution → its layer.
        weight_only: node of a convolution whose weight alone is int8 → its layer.
        operations: nodes that are computed in int8.
        float_layers: layer → why it stays float.
    """

    activations: dict[str, str]
    groups: dict[str, str]
    layers: dict[str, str]
    operations: frozenset[str]
    weight_only: dict[str, str] = field(default_factory=dict)
    float_layers: dict[str, str] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, str]:
        """Node → layer of every convolution whose weight is rounded to int8."""
        return {**self.layers, **self.weight_only}


def output_layers(graph: fx.GraphModule) -> dict[str, str]:
    """Return the layers after which no other follows on the way out, with the reason why they stay float."""
    found: dict[str, str] = {}
    waiting = [node for node in graph.graph.nodes if node.op == "output"]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if node.target in CONVOLUTIONS:
            found[layer_of(node)] = OUTPUT_REASON
            continue
        waiting += [source for source in node.all_input_nodes if source not in seen]
        seen.update(node.all_input_nodes)
    return found


def find_points(
    graph: fx.GraphModule,
    float_layers: Mapping[str, str] | None = None,
    weight_only: Collection[str] = (),
) -> Points:
    """Return what of a graph is int8.

    Args:
        graph: from `trace`.
        float_layers: layers that stay float beside those of `output_layers`, with the reason.
        weight_only: layers of which the weight alone is int8; the layer computes in float.
    """
    stay = {**output_layers(graph), **(float_layers or {})}
    layers: dict[str, str] = {}
    light: dict[str, str] = {}
    operations: set[str] = set()
    rounded: set[fx.Node] = set()
    for node in graph.graph.nodes:
        if node.op != "call_function":
            continue
        if node.target in CONVOLUTIONS:
            if layer_of(node) in weight_only and layer_of(node) not in stay:
                light[node.name] = layer_of(node)
            elif layer_of(node) not in stay:
                layers[node.name] = layer_of(node)
                operations.add(node.name)
                rounded.add(node.all_input_nodes[0])
                if not is_fused(node):
                    rounded.add(node)
            continue
        ends_layer = node.target in ACTIVATIONS and node.all_input_nodes[0].name in layers
        ends_sum = _ends_sum(node) and node.all_input_nodes[0].name in operations
        combines = node.target in (*COMBINING, *SAME_SCALE) and _all_rounded(node, rounded)
        if ends_layer or ends_sum or combines:
            operations.add(node.name)
            # A sum that goes into a clamp is one operation with it, and rounded once.
            if not (node.target in COMBINING and is_limited(node)):
                rounded.add(node)
    _release(graph, operations, rounded)
    # Named by themselves: how many float operations stand between them depends on the size.
    activations = tensor_names(node for node in graph.graph.nodes if node in rounded)
    return Points(
        activations, _groups(graph, operations, activations), layers, frozenset(operations), light, stay
    )


def _all_rounded(node: fx.Node, rounded: set[fx.Node]) -> bool:
    """Say whether every tensor that an operation takes is int8 (and, of a sum, that there are two)."""
    inputs = node.all_input_nodes
    return all(source in rounded for source in inputs) and (node.target not in COMBINING or len(inputs) == 2)


def _release(graph: fx.GraphModule, operations: set[str], rounded: set[fx.Node]) -> None:
    """Give back to float what no int8 layer uses in the end: the upsampling on the way out."""
    for node in reversed(list(graph.graph.nodes)):
        only_moves = node.target in (*COMBINING, *SAME_SCALE) or _ends_sum(node)
        if node.name not in operations or not only_moves:
            continue
        users = [user for user in node.users if user.name in operations or user.target in CONVOLUTIONS]
        if not users:
            operations.discard(node.name)
            rounded.discard(node)


def _ends_sum(node: fx.Node) -> bool:
    """Say whether a node is the clamp that a sum goes into."""
    return is_limit(node) and node.all_input_nodes[0].target in COMBINING


def _groups(graph: fx.GraphModule, operations: set[str], activations: dict[str, str]) -> dict[str, str]:
    """Join the tensors that must share one scale; each group is called after its first tensor."""
    leader = {name: name for name in activations.values()}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    order = {name: index for index, name in enumerate(leader)}
    for node in graph.graph.nodes:
        if node.name in operations and node.target in SAME_SCALE:
            for source in node.all_input_nodes:
                pair = sorted(
                    (find(activations[source.name]), find(activations[node.name])), key=order.__getitem__
                )
                leader[pair[1]] = pair[0]
    return {name: find(name) for name in leader}
