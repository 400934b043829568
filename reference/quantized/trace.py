"""A network as a graph of ATen operations whose tensors have names that people can read."""

import re
from collections import Counter
from collections.abc import Iterable

import torch
from torch import fx, nn

from ..folding import fold_batch_norms
from ..layering.soft import Gap
from .constants import fold_constants

ATEN = torch.ops.aten

CONVOLUTIONS = (ATEN.conv2d.default, ATEN.linear.default)
# An activation that follows a convolution directly is part of it on every phone: one tensor, one rounding.
ACTIVATIONS = (
    ATEN.relu.default,
    ATEN.hardtanh.default,
    ATEN.clamp.default,
    ATEN.relu_.default,
    ATEN.hardtanh_.default,
    ATEN.relu6.default,
    ATEN.relu6_.default,
)


# The name of a network inside `Positional`, which stands before the names of its parameters and layers.
WRAPPER = "network"


class Positional(nn.Module):
    """An inpainting network that takes the planes of its gap one by one, as exporting needs it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, color: torch.Tensor, *planes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Colour (1, 3, H, W) and the five planes of `Gap` → what the network gives."""
        result: tuple[torch.Tensor, ...] = self.network(color, Gap(*planes))
        return result


def network_inputs(stage: str, height: int, width: int) -> tuple[torch.Tensor, ...]:
    """Return example inputs of a network, all in [0, 1] and always the same.

    Args:
        stage: "depth" (the photo) or "inpaint" (colour and the five planes of the gap).
        height, width: of the program.
    """
    generator = torch.Generator().manual_seed(0)
    channels = (3,) if stage == "depth" else (3, *[1] * len(Gap._fields))
    return tuple(torch.rand((1, c, height, width), generator=generator) for c in channels)


def trace(network: nn.Module, stage: str, height: int, width: int) -> fx.GraphModule:
    """Return a network as a graph, its batch normalisations folded, its parameters its own.

    Args:
        network: in evaluation mode; left as it is.
        stage: "depth" or "inpaint": which inputs it takes.
        height, width: of the program.

    Returns:
        A module of positional tensors. The module path of a node is in `layer_of`. What depends on no input
        is a constant of it.
    """
    inputs = network_inputs(stage, height, width)
    plain = network if stage == "depth" else Positional(network)
    folded, _ = fold_batch_norms(plain, inputs)
    graph: fx.GraphModule = torch.export.export(folded, inputs).module(check_guards=False)
    fold_constants(graph)
    return graph.requires_grad_(False)


def layer_of(node: fx.Node) -> str:
    """Return the path of the module that a node comes from, inside the network; "" for the network itself."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = re.sub(r"@\d+", "", stack[-1][0]) if stack else ""
    return re.sub(rf"^{WRAPPER}(\.|$)", "", path)


def is_fused(node: fx.Node) -> bool:
    """Say whether a convolution's result goes only into an activation function, which then is part of it."""
    users = list(node.users)
    return node.target in CONVOLUTIONS and len(users) == 1 and users[0].target in ACTIVATIONS


def tensor_names(nodes: Iterable[fx.Node]) -> dict[str, str]:
    """Return node → name of its result.

    A convolution's result (after its activation) is called after its layer, as `stage4.0.expand.0`; another
    operation's after the module it stands in and its kind, as `stage4.1/add`, numbered where there are
    several; an input's as `input/photo`.

    Args:
        nodes: operations and inputs, in the graph's order.
    """
    names: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for node in nodes:
        if node.op == "placeholder":
            base = f"input/{node.name}"
        elif node.target in CONVOLUTIONS:
            base = layer_of(node)
        elif node.target in ACTIVATIONS and is_fused(node.all_input_nodes[0]):
            base = layer_of(node.all_input_nodes[0])
        else:
            module = layer_of(node)
            kind = str(node.target).split(".")[1]
            base = f"{module}/{kind}" if module else kind
        count = seen[base]
        seen[base] += 1
        names[node.name] = f"{base}.{count}" if count else base
    return names
