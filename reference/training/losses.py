"""Losses of the field, for depth and for inpainting."""

import torch
from torch.nn import functional as F

# Of a prediction's mean absolute deviation when it is standardised: a flat one must not be blown up.
SMALLEST_SPREAD = 0.02


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


def standard(plane: torch.Tensor) -> torch.Tensor:
    """Bring every picture of (N, 1, H, W) to median 0 and mean absolute deviation 1 (MiDaS, eq. 5-6)."""
    flat = plane.flatten(1)
    centred = flat - flat.median(dim=1, keepdim=True).values
    spread = centred.abs().mean(dim=1, keepdim=True).clamp(min=SMALLEST_SPREAD)
    return (centred / spread).view_as(plane)


def aligned_l1(prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Scale-and-shift-invariant mean absolute error (MiDaS, eq. 5–7): both are brought to median 0, spread 1.

    Args:
        prediction, truth: disparity (N, 1, H, W).
    """
    return (standard(prediction) - standard(truth)).abs().clamp(max=5.0).mean()


def ranking_loss(prediction: torch.Tensor, truth: torch.Tensor, pairs: int = 1500) -> torch.Tensor:
    """Logistic loss of the order of random pairs of pixels (after Chen et al., NeurIPS 2016, eq. 1).

    Where a picture leaves the distance open, an absolute error is least in the middle and says nothing; an
    order can still be right. Pairs nearer to each other than 5 % of the range do not count.

    Args:
        prediction, truth: disparity (N, 1, H, W), truth in [0, 1].
        pairs: drawn anew for the batch, the same places in every picture.
    """
    guess, known = standard(prediction).flatten(1), truth.flatten(1)
    first, second = torch.randint(known.shape[1], (2, pairs))
    gap = known[:, first] - known[:, second]
    ordered = (gap.abs() > 0.05).float()
    loss = F.softplus(-2.0 * (guess[:, first] - guess[:, second]) * gap.sign())
    return (loss * ordered).sum() / ordered.sum().clamp(min=1.0)
