"""Looking at tensors inside a program's networks while it runs on a photo."""

from collections.abc import Mapping

import torch
from torch import fx

from ..program import PhotoToLDI


def network_calls(program: PhotoToLDI, photo: torch.Tensor) -> list[tuple[str, tuple[torch.Tensor, ...]]]:
    """Return which networks a program runs on a photo, in order, with inputs as their graphs take them.

    Args:
        program: in evaluation mode.
        photo: (1, 3, H, W).

    Returns:
        ("depth", photo), then ("inpaint", colour and the five planes of the gap) once a hidden layer.
    """
    calls: list[tuple[str, tuple[torch.Tensor, ...]]] = []
    hooks = [
        program.depth.network.register_forward_pre_hook(
            lambda _, inputs: calls.append(("depth", tuple(inputs)))
        ),
        program.inpainting.network.register_forward_pre_hook(
            lambda _, inputs: calls.append(("inpaint", (inputs[0], *inputs[1])))
        ),
    ]
    try:
        with torch.no_grad():
            program(photo)
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def named_tensors(
    graph: fx.GraphModule, names: Mapping[str, str], inputs: tuple[torch.Tensor, ...]
) -> list[tuple[str, torch.Tensor]]:
    """Run a traced network and return the tensors that have a name, in the order of their computation.

    Args:
        graph: from `trace`.
        names: node → name, such as `Points.activations`.
        inputs: as the graph takes them.
    """
    found: list[tuple[str, torch.Tensor]] = []

    class Watching(fx.Interpreter):
        def run_node(self, node: fx.Node) -> object:
            result = super().run_node(node)
            if node.name in names:
                found.append((names[node.name], result))
            return result

    with torch.no_grad():
        Watching(graph).run(*inputs)
    return found
