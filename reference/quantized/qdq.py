"""A network with quantise/dequantise operations in it: the one quantised program behind all formats.

torchao's PT2E puts them in, at the scales of a recipe: nothing is calibrated here. The result run in torch is
the oracle of every export.
"""

import copy
import logging
import warnings
from typing import Any

import torch
from torch import fx

from ..errors import InputError
from .limits import drop_idle_limits
from .points import Points, find_points
from .recipe import INT8_MAX, INT8_MIN, NetworkRecipe
from .trace import layer_of


def quantize_graph(graph: fx.GraphModule, recipe: NetworkRecipe, folded: bool = True) -> fx.GraphModule:
    """Return a copy of a traced network that computes with int8 values, in float.

    Args:
        graph: from `trace`; left as it is.
        recipe: its scales.
        folded: hold the weights as int8 (ONNX, Core ML); otherwise as float before a quantise operation,
            which TFLite's converter wants.

    Raises:
        InputError: the recipe is of another network: it misses tensors or layers, or names others.
    """
    points = find_points(graph, recipe.float_layers, recipe.weight_only_layers)
    check_fits(points, recipe, graph)
    with warnings.catch_warnings(), _quiet_torchao():
        warnings.simplefilter("ignore")
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

        copied = copy.deepcopy(graph)
        if not folded:
            _round_weights(copied, points, recipe)
        prepared = prepare_pt2e(copied, _recipe_quantizer(points, recipe))
        quantized: fx.GraphModule = convert_pt2e(prepared, fold_quantize=folded)
    drop_idle_limits(quantized)
    return quantized.requires_grad_(False)


def check_fits(points: Points, recipe: NetworkRecipe, graph: fx.GraphModule) -> None:
    """Refuse a recipe that is not of this network.

    Raises:
        InputError: names what is missing, unknown, or of another shape.
    """
    _same_names("layers", set(points.weights.values()), set(recipe.weights))
    _same_names("tensors", set(points.activations.values()), set(recipe.activations))
    for name, leader in points.groups.items():
        own, shared = recipe.activations[name], recipe.activations[leader]
        if (own.scale, own.zero_point) != (shared.scale, shared.zero_point):
            raise InputError(f"the recipe gives {name!r} and {leader!r} two scales: they must share one")
    for node in graph.graph.nodes:
        if node.name in points.weights:
            channels, given = weight_of(graph, node).shape[0], len(recipe.weights[layer_of(node)])
            if channels != given:
                raise InputError(
                    f"layer {layer_of(node)!r} has {channels} output channels, "
                    f"the recipe gives it {given} scales"
                )


def weight_of(graph: fx.GraphModule, node: fx.Node) -> torch.Tensor:
    """Return the weight of a convolution or linear layer."""
    weight: torch.Tensor = graph.get_parameter(str(node.args[1].target))  # type: ignore[union-attr]
    return weight


def _same_names(kind: str, wanted: set[str], given: set[str]) -> None:
    if wanted == given:
        return
    parts = [
        f"{what}: {', '.join(sorted(names)[:3])}{', …' if len(names) > 3 else ''}"
        for what, names in (("missing", wanted - given), ("unknown", given - wanted))
        if names
    ]
    raise InputError(f"the recipe is of another network: {kind} {'; '.join(parts)}")


def _round_weights(graph: fx.GraphModule, points: Points, recipe: NetworkRecipe) -> None:
    """Put the float weights of int8 layers on their steps, in place.

    A weight in the middle between two steps is rounded to the even one by torch and away from zero by the
    converter of TFLite. Weights that were published in int8 have many, wherever their largest is 254 steps.
    """
    steps = torch.ops.quantized_decomposed
    for node in graph.graph.nodes:
        if node.name in points.weights:
            layer, weight = points.weights[node.name], weight_of(graph, node)
            scales, lowest = torch.tensor(recipe.weights[layer]), recipe.lowest_weight(layer)
            form = (scales, torch.zeros_like(scales, dtype=torch.int64), 0, lowest, INT8_MAX, torch.int8)
            rounded = steps.quantize_per_channel(weight.detach(), *form)
            weight.data.copy_(steps.dequantize_per_channel(rounded, *form))


class _quiet_torchao:  # noqa: N801 (a context manager, used like a function)
    """Keep torchao from reporting CUDA extensions that could not be loaded."""

    def __enter__(self) -> None:
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)


def _recipe_quantizer(points: Points, recipe: NetworkRecipe) -> Any:
    """Return torchao's quantizer that takes every scale from the recipe."""
    from torchao.quantization.pt2e.observer import PerChannelMinMaxObserver
    from torchao.quantization.pt2e.quantizer import (
        FixedQParamsQuantizationSpec,
        QuantizationAnnotation,
        QuantizationSpec,
        Quantizer,
    )

    class GivenScales(PerChannelMinMaxObserver):  # type: ignore[misc]
        """Gives a layer's scales instead of observing its weights."""

        def __init__(self, scales: tuple[float, ...], **options: Any) -> None:
            super().__init__(**options)
            self.scales = torch.tensor(scales)

        def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
            return self.scales, torch.zeros(len(self.scales), dtype=torch.int64)

    class RecipeQuantizer(Quantizer):  # type: ignore[misc]
        """Annotates the operations that are computed in int8."""

        def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
            for node in model.graph.nodes:
                if node.op != "call_function":
                    continue
                quantized = node.name in points.operations
                inputs = {n: activation(n) for n in node.all_input_nodes if quantized and activation(n)}
                if node.name in points.weights:
                    inputs[node.args[1]] = weight(points.weights[node.name])
                node.meta["quantization_annotation"] = QuantizationAnnotation(
                    input_qspec_map=inputs, output_qspec=activation(node), _annotated=True
                )
            return model

        def validate(self, model: fx.GraphModule) -> None:
            """Nothing to check: `check_fits` did."""

    def activation(node: fx.Node) -> Any:
        entry = recipe.activations.get(points.activations.get(node.name, ""))
        if entry is None:
            return None
        return FixedQParamsQuantizationSpec(
            dtype=torch.int8,
            scale=entry.scale,
            zero_point=entry.zero_point,
            quant_min=INT8_MIN,
            quant_max=INT8_MAX,
            qscheme=torch.per_tensor_affine,
        )

    def weight(layer: str) -> Any:
        return QuantizationSpec(
            dtype=torch.int8,
            observer_or_fake_quant_ctr=GivenScales.with_args(scales=recipe.weights[layer]),
            quant_min=recipe.lowest_weight(layer),
            quant_max=INT8_MAX,
            qscheme=torch.per_channel_symmetric,
            ch_axis=0,
        )

    return RecipeQuantizer()
