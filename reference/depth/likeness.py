"""Averaging a plane over neighbours that have like colours in the photo."""

import torch

from ..layering.shift import both_ways

# Colours this far apart (RGB in [0, 1], Euclidean) belong to one surface less than surely.
COLOR_SIGMA = 0.06

# A colour that no photo has: neighbours outside the frame get no weight.
_NO_COLOR = -1.0


class Likeness:
    """How alike the colours of each pixel and its two neighbours along an axis are, in [0, 1].

    Args:
        photo: (N, 3, H, W) RGB in [0, 1].
        spacing: pixels between a pixel and its neighbours.
        axis: −1 for those in the row, −2 for those in the column.
    """

    def __init__(self, photo: torch.Tensor, spacing: int, axis: int) -> None:
        self.spacing, self.axis = spacing, axis
        difference = photo - both_ways(photo, spacing, axis, _NO_COLOR)[1]
        squared = (difference * difference).sum(dim=1, keepdim=True)
        self.after = torch.exp(squared * (-0.5 / COLOR_SIGMA**2))
        # How alike two pixels are is the same from either of them.
        self.before = both_ways(self.after, spacing, axis, 0.0)[0]

    def average(self, plane: torch.Tensor) -> torch.Tensor:
        """Average each pixel of (N, 1, H, W) with both neighbours, by how alike they are; gain ≤ 1."""
        before, after = both_ways(plane, self.spacing, self.axis, 0.0)
        return (plane + self.before * before + self.after * after) / (1.0 + self.before + self.after)
