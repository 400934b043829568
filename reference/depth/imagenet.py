"""The normalisation of pixels that networks trained from ImageNet expect."""

import torch
from torch import nn

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class ImageNetNormalisation(nn.Module):
    """Subtract the mean and divide by the standard deviation of each colour over ImageNet.

    Args:
        mean, std: of red, green and blue in [0, 1].
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(
        self, mean: tuple[float, float, float] = MEAN, std: tuple[float, float, float] = STD
    ) -> None:
        super().__init__()
        spread = torch.tensor(std).view(1, 3, 1, 1)
        self.register_buffer("scale", 1.0 / spread, persistent=False)
        self.register_buffer("shift", -torch.tensor(mean).view(1, 3, 1, 1) / spread, persistent=False)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) RGB in [0, 1] → about zero mean and unit spread."""
        return photo * self.scale + self.shift
