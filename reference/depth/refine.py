"""Moving the soft edges of a small network's disparity onto the edges of the photo."""

import torch
from torch import nn

from ..blocks import halved, upsample2
from .likeness import Likeness

# Pixels of the half-size photo between a pixel and its neighbours, one pass each, from wide to narrow. Edges
# of small networks are about 20 such pixels soft; passes of different spacing leave no lattice.
SPACINGS = (8, 7, 5, 3, 2, 1)


class EdgeRefinement(nn.Module):
    """Average disparity over neighbours of like colour, so that soft steps gather on the photo's edges.

    The joint bilateral filter (Petschnigg et al., SIGGRAPH 2004; Kopf et al., SIGGRAPH 2007) at half size,
    along rows and columns in turn and with gaps, as in the à-trous filter (Dammertz et al., HPG 2010). Its
    weights come from the photo alone and add up to 1, so it is linear in disparity and averages: an error of
    the disparity never grows through it (gain ≤ 1 in the maximum norm).
    """

    def forward(self, photo: torch.Tensor, disparity: torch.Tensor) -> torch.Tensor:
        """Refine disparity (N, 1, H, W) by its photo (N, 3, H, W) RGB in [0, 1]; H and W even."""
        half, refined = halved(photo), halved(disparity)
        for spacing in SPACINGS:
            for axis in (-1, -2):
                refined = Likeness(half, spacing, axis).average(refined)
        return upsample2(refined)
