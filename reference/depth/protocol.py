"""What a depth network is to the program, and the registry of those there are."""

from typing import Protocol, runtime_checkable

import torch

from ..registry import Registry


@runtime_checkable
class DepthNetwork(Protocol):
    """A module that reads disparity from pixels; its own preprocessing is inside.

    Attributes:
        normalised: True if the output lies in [0, 1] by itself; otherwise the program normalises it.

    A network may also have `soft_edges = True`: its steps are soft or lie beside the photo's edges, and the
    program moves them there (see `EdgeRefinement`, `Steepening`).
    """

    normalised: bool

    def __call__(self, photo: torch.Tensor) -> torch.Tensor:
        """Map a photo (1, 3, H, W) RGB in [0, 1] to disparity (1, 1, H, W), larger is nearer."""
        ...


class DepthFactory(Protocol):
    """Makes a depth network for one program size."""

    def __call__(self, height: int, width: int) -> torch.nn.Module:
        """Return the network with its weights, in evaluation mode."""
        ...


depth_networks: Registry[DepthFactory] = Registry("depth network")
