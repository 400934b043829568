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


def push_pull(color: torch.Tensor, weight: torch.Tensor, levels: int) -> torch.Tensor:
    """Fill colour where `weight` is 0 from where it is 1.

    Args:
        color: (N, C, H, W).
        weight: (N, 1, H, W) in [0, 1], how well each pixel is known.
        levels: how many halvings.

    Returns:
        (N, C, H, W): `color` where known, a smooth extension elsewhere.
    """
    planes = [torch.cat([color * weight, weight], dim=1)]
    for _ in range(levels):
        pooled = F.avg_pool2d(_even(planes[-1]), 2)
        planes.append(pooled / pooled[:, -1:].clamp(min=SATURATION))
    filled = planes.pop()
    while planes:
        finer = planes.pop()
        filled = finer + (1.0 - finer[:, -1:]) * upsample_to(filled, finer)
    return filled[:, :-1] / filled[:, -1:].clamp(min=SMALLEST_WEIGHT)


def _even(plane: torch.Tensor) -> torch.Tensor:
    """Repeat the last row or column where there is an odd number of them."""
    height, width = plane.shape[-2:]
    if height % 2 == 0 and width % 2 == 0:
        return plane
    return F.pad(plane, (0, width % 2, 0, height % 2), mode="replicate")
