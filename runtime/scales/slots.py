"""Where a quantised file must hold which number: tensors and layers of a recipe in the order of the program.

Converters rename everything but keep the order in which operations are computed. So the n-th rounded tensor
of a file is the n-th of the program, and the n-th int8 layer the n-th layer: that is how a number in a file
finds its name again.
"""

from dataclasses import dataclass

from torch import fx

from ...reference.errors import InputError
from ...reference.program import PhotoToLDI
from ...reference.quantized.points import find_points
from ...reference.quantized.program import network_graphs
from ...reference.quantized.recipe import Recipe
from ...reference.quantized.trace import ACTIVATIONS, ATEN


@dataclass(frozen=True)
class Slot:
    """One place in a file where the recipe's numbers must stand.

    Attributes:
        network: "depth" or "inpaint".
        call: which call of the network in the program, from 0 (inpainting is called once a hidden layer).
        kind: "activation" or "weight".
        name: of the tensor or layer in the recipe.
        operation: of an activation: the ATen operation that has to be computed in int8 and gives it, such as
            "conv2d" or "add"; "" where a float result is only rounded. Of a weight: "".
        joined: of an activation: what is only rounded is a concatenation; TFLite then rounds its operands.
    """

    network: str
    call: int
    kind: str
    name: str
    operation: str = ""
    joined: bool = False

    def __str__(self) -> str:
        call = f" (call {self.call + 1})" if self.call else ""
        return f"{self.network}/{self.name}{call}"


@dataclass(frozen=True)
class Slots:
    """All slots of one file.

    Attributes:
        activations: in the order in which the program computes them; empty where only weights are int8.
        weights: one for every int8 layer each time that it is computed, in that order.
    """

    activations: tuple[Slot, ...]
    weights: tuple[Slot, ...]


def network_calls(stage: str, layers: int) -> tuple[tuple[str, int], ...]:
    """Return which networks a stage calls, in order, each with the number of the call.

    Args:
        stage: "program", "depth", "layering" or "inpainting".
        layers: of the program's LDI.
    """
    return {
        "program": (("depth", 0), *(("inpaint", call) for call in range(layers - 1))),
        "depth": (("depth", 0),),
        "layering": (),
        "inpainting": (("inpaint", 0),),
    }[stage]


def expected_slots(program: PhotoToLDI, recipe: Recipe, stage: str, height: int, width: int) -> Slots:
    """Return what a quantised file of a stage must hold.

    Args:
        program: the float reference of the recipe's pipeline, in evaluation mode, built for this size.
        recipe: of the file; for w8 the one whose activations stay float.
        stage: "program", "depth", "layering" or "inpainting".
        height, width: of the program.

    Raises:
        InputError: the recipe lacks a network.
    """
    calls = network_calls(stage, program.layers)
    wanted = {network for network, _ in calls}
    by_network = {}
    for network, graph in network_graphs(program, height, width).items():
        if network in wanted:
            held = recipe.network(network)
            points = find_points(graph, held.float_layers, held.weight_only_layers)
            nodes = list(graph.graph.nodes)
            tensors = [
                (points.activations[node.name], *_giving(node, node.name in points.operations))
                for node in nodes
                if node.name in points.activations
            ]
            by_network[network] = (
                tensors,
                [points.weights[node.name] for node in nodes if node.name in points.weights],
            )
    return Slots(
        tuple(
            Slot(network, call, "activation", *tensor)
            for network, call in calls
            for tensor in by_network[network][0]
        ),
        tuple(
            Slot(network, call, "weight", layer)
            for network, call in calls
            for layer in by_network[network][1]
        ),
    )


def _giving(node: fx.Node, in_int8: bool) -> tuple[str, bool]:
    """Return `Slot.operation` and `Slot.joined` of a graph's node.

    An activation function that ends a layer is that layer.
    """
    if not in_int8:
        return "", node.target == ATEN.cat.default
    computing = node.all_input_nodes[0] if node.target in ACTIVATIONS else node
    return str(computing.target).split(".")[1], False


def check_count(what: str, found: int, slots: tuple[Slot, ...], source: object) -> None:
    """Refuse a file whose numbers cannot be told apart because some are missing or too many.

    Raises:
        InputError: names both counts.
    """
    if found != len(slots):
        raise InputError(
            f"{source} has {found} {what}, its recipe asks for {len(slots)}: "
            "it is not the file that was exported from this recipe"
        )
