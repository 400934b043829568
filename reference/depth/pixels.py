"""Bringing pixels to what a published network expects: another size, and the normalisation of ImageNet."""

import torch
from torch import nn
from torch.nn import functional as F

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def resized(plane: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bring (N, C, H, W) to another size, bilinearly with half-pixel centres."""
    if tuple(plane.shape[-2:]) == size:
        return plane
    return F.interpolate(plane, size=size, mode="bilinear", align_corners=False)


class ImageNetNormalisation(nn.Module):
    """Subtract the mean and divide by the standard deviation of each colour over ImageNet.

    Args:
        mean, std: of red, green and blue in [0, 1].
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self, mean: tuple[float, float, float] = MEAN, std: tuple[float, float, float] = STD
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", 1.0 / torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) RGB in [0, 1] → about zero mean and unit spread."""
        # Not scaled and then shifted: of that coremltools makes a batch_norm, whose epsilon of 1e-5 changes
        # every pixel by 5e-6 of itself.
        return (photo - self.mean) * self.scale
