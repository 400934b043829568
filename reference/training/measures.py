"""How good a depth network is on pictures whose disparity is known up to scale and shift."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from ..depth.pocket import PocketDepth

PAIRS = 20000
"""Pairs of pixels that the ordinal error is measured on."""

SMALLEST_GAP = 0.05
"""Pairs nearer to each other in disparity than this share of its range have no order."""


def ordinal_error(prediction: NDArray[np.float32], truth: NDArray[np.float32], seed: int = 0) -> float:
    """Share of random pairs of pixels that are ordered wrongly, ties counting half (0.5: no information)."""
    guess, known = prediction.reshape(-1), truth.reshape(-1)
    first, second = np.random.default_rng(seed).integers(0, known.size, (2, PAIRS))
    low, high = np.percentile(known, [2, 98])
    gap, guessed = known[first] - known[second], guess[first] - guess[second]
    ordered = np.abs(gap) > SMALLEST_GAP * (high - low)
    if not ordered.any():
        return 0.5
    wrong = np.where(guessed == 0, 0.5, guessed * gap < 0)
    return float(wrong[ordered].mean())


def aligned_error(prediction: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Root mean square error after the best scale ≥ 0 and shift, as a share of the truth's 2–98 % range."""
    guess, known = prediction.reshape(-1).astype(np.float64), truth.reshape(-1).astype(np.float64)
    centred = guess - guess.mean()
    scale = max(0.0, float(centred @ (known - known.mean())) / max(float(centred @ centred), 1e-12))
    low, high = np.percentile(known, [2, 98])
    error = scale * centred + known.mean() - known
    return float(np.sqrt((error**2).mean()) / max(high - low, 1e-6))


def measure(
    network: PocketDepth, pictures: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> dict[str, float]:
    """Return the medians of both errors over views (3, H, W) with disparity (1, H, W), half the photo's size.

    The network is left in the modes (of every module) and at the size in which it was found.
    """
    # Some of its normalisations may be training and some not.
    rows, modes = network.rows, [(module, module.training) for module in network.modules()]
    device = next(network.parameters()).device
    network.eval()
    errors = []
    with torch.inference_mode():
        for photo, disparity in pictures:
            network.look_at(photo.shape[1], photo.shape[2])
            guess = network.at_inner_size(torch.from_numpy(photo)[None].to(device))[0, 0].cpu().numpy()
            errors.append((ordinal_error(guess, disparity[0]), aligned_error(guess, disparity[0])))
    network.rows = rows
    for module, training in modes:
        module.training = training
    ordinal, aligned = np.median(np.array(errors), axis=0)
    return {"ordinal": float(ordinal), "rmse": float(aligned)}
