"""A smaller ONNX file of the same program: no plane stored that a few numbers make, no long names."""

from typing import Any

import numpy as np

# A constant is worth an operation that spreads it from this many bytes on.
SMALLEST_PLANE = 4096


def compact(model: Any) -> None:
    """Shrink a model in place.

    - A large constant that does not change along some axes is stored without these, and spread by `Expand`:
      the rows' heights that the depth network takes, planes of zeros. Runtimes do that once, on loading.
    - Results between operations are called by their number, operations not at all; inputs, outputs and
      weights keep their names.
    - Types of results between operations are left out: they follow from the operations. So are the notes of
      torch beside the graph.

    Args:
        model: an `onnx.ModelProto` without subgraphs.
    """
    graph = model.graph
    spreading = []
    for tensor in graph.initializer:
        if len(tensor.raw_data) >= SMALLEST_PLANE:
            spreading += _spread(graph, tensor)
    if spreading:
        nodes = [*spreading, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)
    kept = {value.name for value in (*graph.input, *graph.output)} | {t.name for t in graph.initializer}
    short: dict[str, str] = {}
    for node in graph.node:
        node.name = ""
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name and name not in kept:
                    names[index] = short.setdefault(name, f"t{len(short)}")
    del graph.value_info[:]
    del graph.metadata_props[:]


def _spread(graph: Any, tensor: Any) -> list[Any]:
    """Store a constant without the axes along which it does not change; return what adds them."""
    import onnx

    array = onnx.numpy_helper.to_array(tensor)
    small = array
    for axis in range(array.ndim):
        first = np.take(small, [0], axis)
        if np.array_equal(small, np.broadcast_to(first, small.shape)):
            small = first
    if small.nbytes * 2 > array.nbytes:
        return []
    name, shape = tensor.name, f"{tensor.name}.shape"
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(small), f"{name}.short"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array.shape, np.int64), shape))
    return [onnx.helper.make_node("Expand", [f"{name}.short", shape], [name])]
