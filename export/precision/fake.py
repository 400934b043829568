"""A traced network run with int8 values as its recipe says, without building the Q/DQ program.

The rounding is the same to the last bit as that of `quantize_graph`; what is saved is torchao's preparation
of every variant, and all layers that a variant computes as one that has been run before.
"""

import hashlib
from collections.abc import Generator, Mapping
from typing import Any

import torch
from torch import fx, nn

from ...reference.errors import InputError
from ...reference.quantized.points import find_points
from ...reference.quantized.qdq import check_fits, weight_of
from ...reference.quantized.recipe import INT8_MAX, INT8_MIN, ActivationScale, NetworkRecipe
from ...reference.quantized.trace import CONVOLUTIONS

Known = dict[str, torch.Tensor]
"""Results of nodes by what computed them (see `FakeQuantized`), for one and the same input."""


def round_activation(values: torch.Tensor, entry: ActivationScale) -> torch.Tensor:
    """Return values as int8 holds them, in float."""
    rounded: torch.Tensor = torch.fake_quantize_per_tensor_affine(
        values, entry.scale, entry.zero_point, INT8_MIN, INT8_MAX
    )
    return rounded


def round_weight(weight: torch.Tensor, scales: tuple[float, ...], lowest: int) -> torch.Tensor:
    """Return a weight as int8 from `lowest` on holds it, in float; one scale per output channel."""
    zeros = torch.zeros(len(scales), dtype=torch.int32)
    rounded: torch.Tensor = torch.fake_quantize_per_channel_affine(
        weight, torch.tensor(scales), zeros, 0, lowest, INT8_MAX
    )
    return rounded


def leave_float(
    graph: fx.GraphModule,
    recipe: NetworkRecipe,
    layers: Mapping[str, str],
    weight_only: Mapping[str, str] | None = None,
) -> NetworkRecipe:
    """Return the recipe of the same network with more of its layers float; what stays int8 keeps its scales.

    Args:
        graph: from `trace`.
        recipe: of the network.
        layers: those that become float, with the reason.
        weight_only: those that compute in float from now on but keep an int8 weight, with the reason; none of
            `layers`. One that does so already keeps its reason.

    Raises:
        InputError: a layer is not one of the recipe's int8 layers, or is to be both.
    """
    lighter = dict(weight_only or {})
    unknown = sorted((layers.keys() | lighter.keys()) - recipe.weights.keys())
    if unknown:
        raise InputError(f"no int8 layer {unknown[0]!r} to leave float: the recipe does not name it")
    both = sorted(layers.keys() & lighter.keys())
    if both:
        raise InputError(f"layer {both[0]!r} cannot be wholly float and keep an int8 weight: name it once")
    light = {**lighter, **recipe.weight_only_layers}
    light = {layer: why for layer, why in light.items() if layer not in layers}
    before = find_points(graph, recipe.float_layers, recipe.weight_only_layers)
    after = find_points(graph, {**recipe.float_layers, **layers}, light)
    # By node: names are numbered among what is rounded, so that one may stand for another tensor now.
    activations = {
        name: recipe.activations[before.activations[node]] for node, name in after.activations.items()
    }
    stored = set(after.weights.values())
    weights = {layer: scales for layer, scales in recipe.weights.items() if layer in stored}
    return NetworkRecipe(activations, weights, after.float_layers, light)


class FakeQuantized(nn.Module):
    """A network that computes what `quantize_graph(graph, recipe)` does, node by node.

    Args:
        graph: from `trace`; it is shared, not copied.
        recipe: its scales; None computes in float.

    Attributes:
        known: results of earlier runs on the same input. A node that is computed from the same weights,
            roundings and results as one of these is not computed again. Add to it by `learn`.

    Raises:
        InputError: the recipe is of another network.
    """

    def __init__(self, graph: fx.GraphModule, recipe: NetworkRecipe | None) -> None:
        super().__init__()
        self.graph = graph
        self.known: Known = {}
        self._outputs: dict[str, ActivationScale] = {}
        self._edges: dict[str, dict[str, ActivationScale]] = {}
        self._weights: dict[str, torch.Tensor] = {}
        if recipe is not None:
            self._plan(recipe)
        self._signatures = self._sign()

    def _plan(self, recipe: NetworkRecipe) -> None:
        """Note where values are rounded: after an operation, or where a placeholder enters one."""
        points = find_points(self.graph, recipe.float_layers, recipe.weight_only_layers)
        check_fits(points, recipe, self.graph)
        for node in self.graph.graph.nodes:
            if node.op != "call_function":
                continue
            if node.name in points.weights:
                layer, weight = points.weights[node.name], weight_of(self.graph, node)
                lowest = recipe.lowest_weight(layer)
                self._weights[node.name] = round_weight(weight, recipe.weights[layer], lowest)
            if node.name in points.activations:
                self._outputs[node.name] = recipe.activations[points.activations[node.name]]
            if node.name in points.operations:
                # What an operation gives is rounded for all its users; an input of the network only here.
                self._edges[node.name] = {
                    source.name: recipe.activations[points.activations[source.name]]
                    for source in node.all_input_nodes
                    if source.op != "call_function" and source.name in points.activations
                }

    def _sign(self) -> dict[str, str]:
        """Name every node after all that its value depends on, the network's input aside."""
        signatures: dict[str, str] = {}
        for node in self.graph.graph.nodes:
            layer = None
            if node.name in self._weights:
                layer = hashlib.sha256(self._weights[node.name].numpy().tobytes()).hexdigest()
            parts = (
                node.name,
                self._outputs.get(node.name),
                self._edges.get(node.name) or None,
                layer,
                [signatures[source.name] for source in node.all_input_nodes],
            )
            signatures[node.name] = hashlib.sha256(repr(parts).encode()).hexdigest()
        return signatures

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Run the network on its positional inputs."""
        with torch.no_grad():
            return _Run(self, None).run(*inputs)

    def learn(self, *inputs: torch.Tensor) -> Any:
        """Run the network and add the results of all its operations to `known`."""
        with torch.no_grad():
            return _Run(self, self.known).run(*inputs)

    def steps(self, *inputs: torch.Tensor) -> Generator[tuple[fx.Node, torch.Tensor], torch.Tensor, None]:
        """Run up to each convolution, yield it with its result before rounding; go on with what is sent."""
        return _Run(self, None).steps(*inputs)

    def watch(self, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the network and return the result of every operation, as its users see it, by node."""
        found: dict[str, torch.Tensor] = {}
        with torch.no_grad():
            _Run(self, None, found).run(*inputs)
        return found


class _Run(fx.Interpreter):
    """One run of a `FakeQuantized`."""

    def __init__(
        self, network: FakeQuantized, learned: Known | None, watched: dict[str, torch.Tensor] | None = None
    ) -> None:
        super().__init__(network.graph)
        self._network = network
        self._learned = learned
        self._watched = watched

    def run_node(self, node: fx.Node) -> Any:
        if node.op != "call_function":
            return super().run_node(node)
        signature = self._network._signatures[node.name]
        result = self._network.known.get(signature)
        if result is None:
            result = self._compute(node)
        if self._learned is not None:
            self._learned[signature] = result
        if self._watched is not None:
            self._watched[node.name] = result
        return result

    def _compute(self, node: fx.Node) -> Any:
        return self.rounded(node, self.operate(node))

    def operate(self, node: fx.Node) -> Any:
        """Return what an operation gives before it is rounded."""
        edges = self._network._edges.get(node.name, {})

        def fetch(source: fx.Node) -> Any:
            value = self.env[source]
            return round_activation(value, edges[source.name]) if source.name in edges else value

        args = list(fx.node.map_arg(node.args, fetch))
        kwargs = fx.node.map_arg(node.kwargs, fetch)
        if node.name in self._network._weights:
            args[1] = self._network._weights[node.name]
        return node.target(*args, **kwargs)  # type: ignore[operator]

    def rounded(self, node: fx.Node, result: Any) -> Any:
        """Return what an operation's users see of its result."""
        entry = self._network._outputs.get(node.name)
        return result if entry is None else round_activation(result, entry)

    def steps(self, *inputs: torch.Tensor) -> Generator[tuple[fx.Node, torch.Tensor], torch.Tensor, None]:
        """See `FakeQuantized.steps`."""
        self.args_iter = iter(inputs)
        for node in self._network.graph.graph.nodes:
            if node.target in CONVOLUTIONS:
                changed = yield node, self.operate(node)
                self.env[node] = self.rounded(node, changed)
            else:
                self.env[node] = self.run_node(node)
            for done in self.user_to_last_uses.get(node, []):
                del self.env[done]
