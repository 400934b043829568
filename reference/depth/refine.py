"""Moving the soft edges of a small network's disparity onto the edges of the photo."""

import torch
from torch import nn
from torch.nn import functional as F

from ..blocks import upsample2
from ..layering.shift import both_ways

# Pixels of the half-size photo between a pixel and its neighbours, one pass each, from wide to narrow. Edges
# of small networks are about 20 such pixels soft; passes of different spacing leave no lattice.
SPACINGS = (8, 7, 5, 3, 2, 1)
# Colours this far apart (RGB in [0, 1], Euclidean) belong to one surface less than surely.
COLOR_SIGMA = 0.06

# A colour that no photo has: neighbours outside the frame get no weight.
_NO_COLOR = -1.0


class EdgeRefinement(nn.Module):
    """Average disparity over neighbours of like colour, so that soft steps gather on the photo's edges.

    The joint bilateral filter (Petschnigg et al., SIGGRAPH 2004; Kopf et al., SIGGRAPH 2007) at half size,
    along rows and columns in turn and with gaps, as in the à-trous filter (Dammertz et al., HPG 2010). Its
    weights come from the photo alone and add up to 1, so it is linear in disparity and averages: an error of
    the disparity never grows through it (gain ≤ 1 in the maximum norm).
    """

    def forward(self, photo: torch.Tensor, disparity: torch.Tensor) -> torch.Tensor:
        """Refine disparity (N, 1, H, W) by its photo (N, 3, H, W) RGB in [0, 1]; H and W even."""
        half, refined = F.avg_pool2d(photo, 2), F.avg_pool2d(disparity, 2)
        for spacing in SPACINGS:
            for axis in (-1, -2):
                refined = _average(refined, half, spacing, axis)
        return upsample2(refined)


def _average(plane: torch.Tensor, photo: torch.Tensor, spacing: int, axis: int) -> torch.Tensor:
    """Average each pixel with the two `spacing` away along an axis, by how alike their colours are."""
    like_after = _likeness(photo, both_ways(photo, spacing, axis, _NO_COLOR)[1])
    # How alike two pixels are is the same from either of them.
    like_before = both_ways(like_after, spacing, axis, 0.0)[0]
    before, after = both_ways(plane, spacing, axis, 0.0)
    return (plane + like_before * before + like_after * after) / (1.0 + like_before + like_after)


def _likeness(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return 1 for equal colours, falling to 0: (N, 3, H, W) twice → (N, 1, H, W)."""
    difference = first - second
    squared = (difference * difference).sum(dim=1, keepdim=True)
    return torch.exp(squared * (-0.5 / COLOR_SIGMA**2))
