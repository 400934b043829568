"""What stays rounded in a TFLite file without rounded activations: biases, constants beside rounded tensors.

An int8 layer of TFLite adds an int32 bias, in steps of the input's scale times the weight's. A constant that
is concatenated with a rounded tensor (a plane of coordinates beside the photo) is stored in int8, at the
scale of the result. The torch program rounds neither, so it has to be told.
"""

import torch
from torch import fx

from ...reference.program import PhotoToLDI
from ...reference.quantized.limits import drop_limits_of
from ...reference.quantized.points import Points, find_points
from ...reference.quantized.program import load_graph_weights, network_graphs, with_networks
from ...reference.quantized.qdq import quantize_graph
from ...reference.quantized.recipe import INT8_MAX, INT8_MIN, NetworkRecipe
from ...reference.quantized.trace import ATEN, network_inputs
from ...reference.quantized.watching import named_tensors
from ..recipe import BundleRecipe


def unrounded_program(
    program: PhotoToLDI, recipe: BundleRecipe, height: int, width: int, tflite: bool
) -> PhotoToLDI:
    """Return the program of an int8 file that rounds no activation.

    Limits that only rounding keeps there (see `limits`) are left out, as they are in the file.

    Args:
        program: the float reference, in evaluation mode, built for this size.
        recipe: of the bundle.
        height, width: of the program.
        tflite: it is a TFLite file, with its rounded constants.

    Raises:
        InputError: the recipe is of another pipeline.
    """
    quantized = {}
    for stage, graph in network_graphs(program, height, width).items():
        if recipe.weights is not None:
            load_graph_weights(graph, stage, recipe.weights)
        held = recipe.recipe.network(stage)
        points = find_points(graph, held.float_layers, held.weight_only_layers)
        if held.activations and tflite:
            _round_biases(graph, points, held)
            _round_joined(graph, points, held, network_inputs(stage, height, width))
        drop_limits_of(graph, points, held)
        quantized[stage] = quantize_graph(graph, recipe.of("w8").network(stage))
    return with_networks(program, quantized)


def _round_biases(graph: fx.GraphModule, points: Points, held: NetworkRecipe) -> None:
    for node in graph.graph.nodes:
        if node.name not in points.layers or len(node.args) < 3 or node.args[2] is None:
            continue
        entry = held.activations[points.activations[node.args[0].name]]
        steps = torch.tensor(held.weights[points.layers[node.name]], dtype=torch.float64) * entry.scale
        bias = graph.get_parameter(str(node.args[2].target))
        bias.copy_((bias.double() / steps).round() * steps)


def _round_joined(
    graph: fx.GraphModule, points: Points, held: NetworkRecipe, inputs: tuple[torch.Tensor, ...]
) -> None:
    """Put rounded values in the place of constants that are concatenated with a rounded tensor."""
    varying: set[fx.Node] = set()
    for node in graph.graph.nodes:
        if node.op == "placeholder" or any(source in varying for source in node.all_input_nodes):
            varying.add(node)
    joins = [n for n in graph.graph.nodes if n.target == ATEN.cat.default and n.name in points.activations]
    for join in joins:
        entry = held.activations[points.activations[join.name]]
        constants = {n.name: n for n in join.all_input_nodes if n not in varying}
        for name, values in named_tensors(graph, {name: name for name in constants}, inputs):
            steps = ((values / entry.scale).round() + entry.zero_point).clamp(INT8_MIN, INT8_MAX)
            rounded = f"{join.name}_{name}_rounded"
            graph.register_buffer(rounded, (steps - entry.zero_point) * entry.scale)
            with graph.graph.inserting_before(join):
                replacement = graph.graph.get_attr(rounded)
            replacement.meta = dict(constants[name].meta)
            join.replace_input_with(constants[name], replacement)
    graph.recompile()
