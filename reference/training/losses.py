"""Losses of the field, for depth and for inpainting."""

import torch
from torch.nn import functional as F


def weighted_mean(plane: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean of `plane` (N, C, H, W) under `weight` (N, 1, H, W) ≥ 0; 0 where nothing weighs."""
    return (plane * weight).sum() / (weight.sum() * plane.shape[1]).clamp(min=1.0)


def gradient_difference(
    prediction: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor, scales: int = 4
) -> torch.Tensor:
    """Multi-scale gradient matching (Ranftl et al., MiDaS, TPAMI 2022, eq. 11).

    Args:
        prediction, truth: (N, C, H, W).
        weight: (N, 1, H, W) in [0, 1]; a difference counts where both its pixels do.
        scales: how many halvings are compared.
    """
    error = prediction - truth
    total = error.new_zeros(())
    for _ in range(scales):
        across = weighted_mean((error[..., 1:] - error[..., :-1]).abs(), weight[..., 1:] * weight[..., :-1])
        down = weighted_mean(
            (error[..., 1:, :] - error[..., :-1, :]).abs(), weight[..., 1:, :] * weight[..., :-1, :]
        )
        total = total + across + down
        error, weight = F.avg_pool2d(error * weight, 2), F.avg_pool2d(weight, 2)
        error = error / weight.clamp(min=0.25)
    return total / scales


def aligned_l1(prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Scale-and-shift-invariant mean absolute error (MiDaS, eq. 5–7): both are brought to median 0, spread 1.

    Args:
        prediction, truth: disparity (N, 1, H, W).
    """

    def standard(plane: torch.Tensor) -> torch.Tensor:
        flat = plane.flatten(1)
        centred = flat - flat.median(dim=1, keepdim=True).values
        return centred / centred.abs().mean(dim=1, keepdim=True).clamp(min=0.02)

    return (standard(prediction) - standard(truth)).abs().clamp(max=5.0).mean()
