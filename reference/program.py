"""`PhotoToLDI`: the whole of photo → layered depth image as one tensor program (DESIGN §2)."""

from typing import NamedTuple

import torch
from torch import nn

from .depth.normalise import MomentNormalisation
from .depth.refine import EdgeRefinement
from .depth.steepen import Steepening
from .layering.ramp import unit
from .layering.soft import Gap, SoftLayering


class Layers(NamedTuple):
    """The program's outputs.

    Attributes:
        color: (1, L, 3, H, W) RGB in [0, 1]; layer 0 is the photo.
        disparity: (1, L, 1, H, W) in [0, 1], larger is nearer; never nearer than the layer in front.
        occupancy: (1, L, 1, H, W) in [0, 1].
    """

    color: torch.Tensor
    disparity: torch.Tensor
    occupancy: torch.Tensor


class DepthStage(nn.Module):
    """Photo → disparity in [0, 1], whatever the network's own scale, with edges where the photo has them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.normalise: nn.Module = nn.Identity() if network.normalised else MomentNormalisation()
        soft = getattr(network, "soft_edges", False)
        self.sharpen = nn.ModuleList([EdgeRefinement(), Steepening()] if soft else [])

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(1, 3, H, W) RGB in [0, 1] → (1, 1, H, W)."""
        disparity: torch.Tensor = self.normalise(self.network(photo))
        for sharper in self.sharpen:
            disparity = sharper(photo, disparity)
        return disparity


class LayeringStage(nn.Module):
    """Disparity → the gap behind it and how visible it may stay itself."""

    def __init__(self, layering: SoftLayering) -> None:
        super().__init__()
        self.layering = layering

    def forward(self, disparity: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(1, 1, H, W) → the five planes of `Gap`, then visibility, each (1, 1, H, W)."""
        return (*self.layering(disparity), self.layering.visibility(disparity))


class InpaintingStage(nn.Module):
    """One hidden layer: colour and disparity, within the bounds that make an LDI valid.

    Args:
        network: an inpainting network (`InpaintNetwork`).
        slope: s of the layering (see `SoftLayering`).
    """

    def __init__(self, network: nn.Module, slope: float) -> None:
        super().__init__()
        self.network = network
        self.slope = slope

    def forward(
        self,
        color: torch.Tensor,
        disparity: torch.Tensor,
        envelope: torch.Tensor,
        source: torch.Tensor,
        occupancy: torch.Tensor,
        unknown: torch.Tensor,
        context: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the hidden layer's colour (1, 3, H, W) and disparity (1, 1, H, W), full frame.

        Colour is the layer in front's where nothing is hidden, and disparity that of the far side. Elsewhere
        the hidden surface may come before the envelope, but stays one slope s behind the layer in front: half
        a pixel of parallax at full reach. Where it is occupied the gap exceeds s, so it is strictly behind.
        """
        painted, guess = self.network(color, Gap(envelope, source, occupancy, unknown, context))
        hidden_color = color + unknown * (unit(painted) - color)
        hidden = source + occupancy * (guess - source)
        nearest = torch.maximum(envelope, disparity - self.slope)
        # Between two colours, it can leave [0, 1] by a rounding upwards alone.
        return hidden_color.clamp(max=1.0), torch.minimum(hidden, nearest).clamp(min=0.0)


class PhotoToLDI(nn.Module):
    """Fixed shapes, no control flow on data: the whole of it is exported, not only its networks.

    Args:
        depth: a depth network (`DepthNetwork`).
        layering: the stable layering.
        inpaint: an inpainting network (`InpaintNetwork`).
        layers: how many layers the LDI has, the visible one included.
    """

    def __init__(self, depth: nn.Module, layering: SoftLayering, inpaint: nn.Module, layers: int) -> None:
        super().__init__()
        self.depth = DepthStage(depth)
        self.layering = LayeringStage(layering)
        self.inpainting = InpaintingStage(inpaint, layering.slope)
        self.layers = layers

    def forward(self, photo: torch.Tensor) -> Layers:
        """Map a photo (1, 3, H, W) RGB in [0, 1] to its LDI."""
        return self.layer(photo, self.depth(photo))

    def layer(self, photo: torch.Tensor, disparity: torch.Tensor) -> Layers:
        """Map a photo and its disparity (1, 1, H, W) in [0, 1] to its LDI: steps 2 to 6 of DESIGN §2.

        A layer is occupied at most where the one before it is: no camera within the parallax looks deeper.
        """
        stable = self.layering.layering
        colors, disparities, occupancies = [photo], [disparity], []
        reachable: torch.Tensor | None = None
        for _ in range(self.layers - 1):
            *planes, visibility = self.layering(disparities[-1])
            occupancies.append(seen(reachable, visibility))
            reachable = stable.reachable(reachable, disparities[-1], Gap(*planes))
            color, hidden = self.inpainting(colors[-1], disparities[-1], *planes)
            colors.append(color)
            disparities.append(hidden)
        occupancies.append(seen(reachable, stable.visibility(disparities[-1])))
        stacked = (torch.stack(planes, dim=1) for planes in (colors, disparities, occupancies))
        return Layers(*stacked)


def seen(reachable: torch.Tensor | None, visibility: torch.Tensor) -> torch.Tensor:
    """Return the occupancy of a layer; the visible one (None) is reachable everywhere."""
    return visibility if reachable is None else torch.minimum(reachable, visibility)
