"""Push-pull: a smooth first fill of everything unknown, from known pixels at ever coarser scales.

Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4. Every step is a fixed convolution, a product or a
division by at least 0.25, so that it is smooth in the weights and safe in half precision.
"""

import torch
from torch.nn import functional as F

from ..blocks import upsample_to

# A pixel of the next level counts as known once a quarter of it is (one of its four pixels).
SATURATION = 0.25
# Where nothing at all is known the result is black instead of a division by nothing.
SMALLEST_WEIGHT = 1e-3


def push_pull(planes: torch.Tensor, levels: int) -> torch.Tensor:
    """Fill colour where its weight is 0 from where it is 1.

    Args:
        planes: (N, C + 1, H, W): C channels, each times the weight, and the weight itself in [0, 1]: how
            well each pixel is known.
        levels: how many halvings.

    Returns:
        (N, C, H, W): the colour where known, a smooth extension elsewhere.
    """
    pyramid = [planes]
    for _ in range(levels):
        pooled = F.avg_pool2d(_even(pyramid[-1]), 2)
        pyramid.append(pooled / pooled[:, -1:].clamp(min=SATURATION))
    filled = pyramid.pop()
    while pyramid:
        finer = pyramid.pop()
        filled = finer + (1.0 - finer[:, -1:]) * upsample_to(filled, finer)
    return filled[:, :-1] / filled[:, -1:].clamp(min=SMALLEST_WEIGHT)


def _even(plane: torch.Tensor) -> torch.Tensor:
    """Repeat the last row or column where there is an odd number of them."""
    height, width = plane.shape[-2:]
    if height % 2 == 0 and width % 2 == 0:
        return plane
    return F.pad(plane, (0, width % 2, 0, height % 2), mode="replicate")
