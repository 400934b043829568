"""The reference's stages as functions of NumPy arrays, to be run on a candidate's own planes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ...reference.layering.soft import Gap
from ...reference.ldi import LDI
from ...reference.pipeline import as_ldi
from ...reference.program import PhotoToLDI, seen
from .stability import gain

# In the order in which a program runs them. "input" is how the photo enters, seen in layer 0's colour.
STAGES = ("input", "depth", "layering", "inpainting")

# Half-width of the change by which a stage's gain is measured: about a quarter of an 8-bit step.
EPSILON = 1e-3


class ReferenceStages:
    """The stages of one reference program.

    Args:
        program: the reference.
    """

    def __init__(self, program: PhotoToLDI) -> None:
        self.program = program

    def depth(self, photo: np.ndarray) -> np.ndarray:
        """Map a photo (1, 3, H, W) to disparity (1, 1, H, W)."""
        with torch.inference_mode():
            return self.program.depth(torch.from_numpy(photo)).numpy()

    def layers(self, photo: np.ndarray, disparity: np.ndarray) -> LDI:
        """Map a photo (1, 3, H, W) and its disparity (1, 1, H, W) to layers: all that follows depth."""
        with torch.inference_mode():
            return as_ldi(self.program.layer(torch.from_numpy(photo), torch.from_numpy(disparity)))

    def occupancies(self, disparities: np.ndarray) -> np.ndarray:
        """Return the occupancy of every layer (L, 1, H, W) that follows from their disparities (L, 1, H, W).

        The same rule as `PhotoToLDI.layer`: a layer is occupied where it is hidden, can be reached through
        the layers in front, and is not too steep itself.
        """
        occupancies, reachable = [], None
        stable = self.program.layering.layering
        with torch.inference_mode():
            for plane in torch.from_numpy(disparities):
                *planes, visibility = self.program.layering(plane[None])
                occupancies.append(seen(reachable, visibility))
                reachable = stable.reachable(reachable, plane[None], Gap(*planes))
            return torch.cat(occupancies).numpy()

    def inpainted(self, colors: np.ndarray, disparities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Paint every hidden layer from the given layer in front of it.

        Args:
            colors: (L, 3, H, W).
            disparities: (L, 1, H, W).

        Returns:
            The same shapes: layer 0 as given, layer k + 1 painted from the given layer k.
        """
        painted, hidden = [torch.from_numpy(colors[:1])], [torch.from_numpy(disparities[:1])]
        with torch.inference_mode():
            for color, disparity in zip(colors[:-1], disparities[:-1], strict=True):
                front = torch.from_numpy(disparity[None])
                *gap, _ = self.program.layering(front)
                below, behind = self.program.inpainting(torch.from_numpy(color[None]), front, *gap)
                painted.append(below)
                hidden.append(behind)
            return torch.cat(painted).numpy(), torch.cat(hidden).numpy()


def measure_gains(stages: ReferenceStages, photo: np.ndarray, ldi: LDI) -> dict[str, dict[str, float]]:
    """Measure how much each stage amplifies a small change of its input, on one photo.

    Args:
        stages: of the reference program.
        photo: (1, 3, H, W).
        ldi: the reference's layers of that photo.

    Returns:
        by stage: `max` and `l1`, the worst over its outputs (see `gain`). The input stage copies: 1.
    """
    planes = {"color": ldi.color, "disparity": ldi.disparity}

    def inpaint(moved: Any) -> dict[str, np.ndarray]:
        color, disparity = stages.inpainted(moved["color"], moved["disparity"])
        return {"color": color[1:], "disparity": disparity[1:]}

    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "depth": (stages.depth, photo),
        "layering": (stages.occupancies, ldi.disparity),
    }
    if ldi.layers > 1:
        functions["inpainting"] = (inpaint, planes)
    gains = {"input": {"max": 1.0, "l1": 1.0}}
    for name, (function, value) in functions.items():
        by_output = gain(function, value, EPSILON).values()
        gains[name] = {norm: max(g[norm] for g in by_output) for norm in ("max", "l1")}
    return gains
