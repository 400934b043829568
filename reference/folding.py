"""Folding batch normalisations into the convolutions before them, once for every format.

Exporters fold on their own, but not all of them everywhere: a convolution that is called twice (the
inpainting network is, once a hidden layer) stays apart in some. Folded here, all formats hold one set of
weights.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_CONVOLUTIONS = (F.conv2d, torch.conv2d)


class _Consumers(TorchFunctionMode):
    """Records which calls consume the result of each convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[tuple[torch.Tensor, torch.Tensor]] = []  # kept, so that no id is given twice
        self.users: dict[int, list[tuple[Callable[..., Any], tuple[Any, ...]]]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            for value in (*args, *(kwargs or {}).values()):
                for tensor in value if isinstance(value, list | tuple) else (value,):
                    if id(tensor) in self.users:
                        self.users[id(tensor)].append((func, args))
            if func in _CONVOLUTIONS:
                self.results.append((result, args[1]))
                self.users[id(result)] = []
        return result


def fold_batch_norms(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[nn.Module, int]:
    """Return a copy of a module whose batch normalisations are folded into the convolutions before them.

    A pair is folded where, in every call, the normalisation is all that uses the convolution's result.

    Args:
        module: in evaluation mode; left as it is.
        inputs: it is run once on these to see who feeds whom.

    Returns:
        The copy, and how many pairs were folded.
    """
    module = copy.deepcopy(module)
    with torch.no_grad(), _Consumers() as seen:
        result = module(*inputs)
    outputs = {id(tensor) for tensor in (result if isinstance(result, tuple) else (result,))}
    norms = {id(m.running_mean): m for m in module.modules() if isinstance(m, nn.BatchNorm2d)}
    convolutions = {id(m.weight): m for m in module.modules() if isinstance(m, nn.Conv2d)}
    followers: dict[int, set[nn.BatchNorm2d | None]] = {}
    for tensor, weight in seen.results:
        users = seen.users[id(tensor)]
        alone = len(users) == 1 and users[0][0] is F.batch_norm and id(tensor) not in outputs
        norm = norms.get(id(users[0][1][1])) if alone else None
        followers.setdefault(id(weight), set()).add(norm)
    pairs = {}
    for key, found in followers.items():
        norm = next(iter(found))
        if len(found) == 1 and norm is not None and key in convolutions:
            pairs[convolutions[key]] = norm
    _replace(module, pairs)
    return module.requires_grad_(False), len(pairs)


def _replace(module: nn.Module, pairs: dict[nn.Conv2d, nn.BatchNorm2d]) -> None:
    """Put a fused convolution in the place of each pair."""
    fused: dict[nn.Module, nn.Module] = {}
    for convolution, norm in pairs.items():
        fused[convolution] = nn.utils.fuse_conv_bn_eval(convolution, norm)
        fused[norm] = nn.Identity()
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if child in fused:
                setattr(parent, name, fused[child])
