"""Half precision for a part of an ONNX graph, with casts only where that part begins and ends.

The converters that exist (onnxruntime.transformers.float16, onnxconverter-common) turn the whole graph and
then cast around each operation that is to stay, by which values between such operations, and the inputs and
outputs of the graph, are rounded all the same.
"""

from collections.abc import Collection, Mapping
from typing import Any

from .half import GraphNode, half_nodes, in_scope, is_pinned

# Inputs that stay float32 by the operator's definition: Resize's scales (2); its region (1) is unused.
_FLOAT_INPUTS = {"Resize": (1, 2)}
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def to_half(
    model: Any,
    scopes: Mapping[int, tuple[str, ...]],
    networks: Collection[str],
    pinned: Collection[str] = (),
) -> int:
    """Turn the networks of a model to half precision in place (`half.half_nodes`).

    Args:
        model: an `onnx_ir.Model` in float32 whose values have types.
        scopes: by id of the node, the modules that it comes from.
        networks: names of the modules that are networks.
        pinned: names of modules inside them that stay in single precision.

    Returns:
        How many float operations stay in single precision.
    """
    nodes = list(model.graph)
    keys = {id(node): node for node in nodes}
    graph = {
        id(node): GraphNode(
            inputs=[id(v.producer()) for v in node.inputs if v is not None and v.producer() is not None],
            network=in_scope(scopes.get(id(node), ()), networks),
            convolution=node.op_type in _CONVOLUTIONS,
            pinned=is_pinned(scopes.get(id(node), ()), networks, pinned),
        )
        for node in nodes
    }
    chosen = half_nodes(graph)
    converter = _HalfPart(model, {key: keys[key] for key in chosen})
    converter.convert()
    return sum(key not in chosen and _is_float(keys[key].outputs[0]) for key in keys)


class _HalfPart:
    """Converts the chosen nodes; everything else keeps its type."""

    def __init__(self, model: Any, chosen: dict[int, Any]) -> None:
        import onnx_ir as ir

        self.ir = ir
        self.graph = model.graph
        self.chosen = chosen
        self.down: dict[int, Any] = {}
        self.weights: dict[int, Any] = {}

    def convert(self) -> None:
        """Cast what enters, then what is computed, then what leaves."""
        for node in self.chosen.values():
            for index, value in enumerate(node.inputs):
                if value is None or index in _FLOAT_INPUTS.get(node.op_type, ()) or not _is_float(value):
                    continue
                if value.producer() is None or id(value.producer()) not in self.chosen:
                    node.replace_input_with(index, self._entering(value))
        for node in self.chosen.values():
            for value in node.outputs:
                value.dtype = self.ir.DataType.FLOAT16
                self._leave(node, value)
        for name, weight in list(self.graph.initializers.items()):
            if not weight.uses() and not weight.is_graph_output():
                del self.graph.initializers[name]

    def _entering(self, value: Any) -> Any:
        """Return a value from outside in half precision: a converted weight, or the result of a cast."""
        if value.is_initializer():
            if id(value) not in self.weights:
                self.weights[id(value)] = self._half_weight(value)
            return self.weights[id(value)]
        if id(value) not in self.down:
            cast = self._cast(value, self.ir.DataType.FLOAT16, f"{value.name}_half")
            producer = value.producer()
            if producer is None:
                self.graph.insert_before(self.graph[0], cast)
            else:
                self.graph.insert_after(producer, cast)
            self.down[id(value)] = cast.outputs[0]
        return self.down[id(value)]

    def _leave(self, node: Any, value: Any) -> None:
        """Cast a result back for those of its users that are outside."""
        outside = [(user, index) for user, index in value.uses() if id(user) not in self.chosen]
        last = value.is_graph_output()
        if not outside and not last:
            return
        name = value.name
        if last:
            value.name = f"{name}_half"
        cast = self._cast(value, self.ir.DataType.FLOAT, name if last else f"{name}_single")
        self.graph.insert_after(node, cast)
        for user, index in outside:
            user.replace_input_with(index, cast.outputs[0])
        for index, output in enumerate(self.graph.outputs):
            if output is value:
                self.graph.outputs[index] = cast.outputs[0]

    def _cast(self, value: Any, dtype: Any, name: str) -> Any:
        result = self.ir.Value(name=name, shape=value.shape, type=self.ir.TensorType(dtype))
        to = self.ir.AttrInt64("to", int(dtype))
        return self.ir.Node("", "Cast", [value], [to], outputs=[result], name=f"cast_{name}")

    def _half_weight(self, value: Any) -> Any:
        array = value.const_value.numpy().astype("float16")
        weight = self.ir.Value(
            name=f"{value.name}_half",
            shape=value.shape,
            type=self.ir.TensorType(self.ir.DataType.FLOAT16),
            const_value=self.ir.Tensor(array, name=f"{value.name}_half"),
        )
        self.graph.register_initializer(weight)
        return weight


def _is_float(value: Any) -> bool:
    dtype = value.dtype if value.dtype is not None else getattr(value.const_value, "dtype", None)
    return dtype is not None and dtype.name == "FLOAT"
