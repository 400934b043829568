"""How close one LDI is to another (metric spec 1, LDI).

Where two layers coincide, occupancy means nothing: which of two equal surfaces is seen changes no picture. So
occupancy counts by the disparity gap to the layer in front.
"""

import math

import numpy as np

from ...reference.errors import InputError
from ...reference.ldi import LDI, OUTPUT_NAMES
from ...reference.render import Camera, render
from .scores import nonfinite, psnr

# A layer whose weight (occupancy × gap, mean over the frame) is below this is nearly empty: a ratio of its
# crumbs would be noise. The difference is then measured against this floor instead of against the crumbs, so
# two empty layers score 1, and a layer that has even this little where the other has none scores 0.
EMPTY_WEIGHT = 1e-5


def gap_weight(ldi: LDI, layer: int) -> np.ndarray:
    """Return occupancy × disparity gap to the layer in front, (H, W) float64 ≥ 0, of a hidden layer ≥ 1."""
    gap = ldi.disparity[layer - 1, 0].astype(np.float64) - ldi.disparity[layer, 0]
    return ldi.occupancy[layer, 0] * np.maximum(gap, 0.0)


def hides_anything(ldi: LDI) -> bool:
    """Say whether any hidden layer holds more than crumbs (see `EMPTY_WEIGHT`)."""
    return any(float(gap_weight(ldi, layer).mean()) >= EMPTY_WEIGHT for layer in range(1, ldi.layers))


def weighted_iou(reference: np.ndarray, candidate: np.ndarray, empty: float = EMPTY_WEIGHT) -> float:
    """Return Σ min(w, w′) / Σ max(w, w′), with the floor for nearly empty layers.

    Args:
        reference: w ≥ 0, any shape.
        candidate: w′ ≥ 0, the same shape.
        empty: floor of the mean of max(w, w′). Below it the score is 1 − mean|w − w′| / empty, which equals
            the ratio where the two rules meet.
    """
    smaller = float(np.minimum(reference, candidate).mean())
    larger = float(np.maximum(reference, candidate).mean())
    floor = max(larger, empty)
    return (smaller + floor - larger) / floor


def plain_iou(reference: np.ndarray, candidate: np.ndarray) -> float:
    """Return the intersection over union of two masks (bool); 1 when both are empty."""
    union = int(np.count_nonzero(reference | candidate))
    return int(np.count_nonzero(reference & candidate)) / union if union else 1.0


def compare_ldi(reference: LDI, candidate: LDI) -> dict[str, float | None]:
    """Compare a candidate's LDI with the reference's.

    Returns:
        per hidden layer k ≥ 1: `gap_iou_layer{k}` (see `weighted_iou`) and `iou_layer{k}` of occupancy ≥ 0.5;
        `gap_iou` and `iou`, the worst of the layers (None when there is no hidden layer);
        per layer k ≥ 0: `disparity_l1_layer{k}` and `disparity_p95_layer{k}`, mean and 95th percentile of
        |d′−d| where both have occupancy ≥ 0.5 (None where that is nowhere), and `occupancy_l1_layer{k}`, mean
        of |o′−o| over the frame; `order_violations` of the candidate, a count; `identity_psnr`, dB at range
        1.0 between the two unmoved views; `nonfinite`, a count in both. Where a value is not finite, every
        score is NaN, which no gate passes.

    Raises:
        InputError: the LDIs differ in size or in layers.
    """
    if (reference.layers, reference.size) != (candidate.layers, candidate.size):
        raise InputError(
            f"LDIs must have the same layers and size: the reference has {reference.layers} of "
            f"{reference.size}, the candidate {candidate.layers} of {candidate.size}"
        )
    bad = sum(nonfinite(getattr(ldi, name)) for ldi in (reference, candidate) for name in OUTPUT_NAMES)
    scores: dict[str, float | None] = {}
    for layer in range(reference.layers):
        scores.update(_compare_layer(reference, candidate, layer))
    hidden = range(1, reference.layers)
    scores["gap_iou"] = min((scores[f"gap_iou_layer{k}"] for k in hidden), default=None)  # type: ignore[type-var]
    scores["iou"] = min((scores[f"iou_layer{k}"] for k in hidden), default=None)  # type: ignore[type-var]
    scores["order_violations"] = candidate.order_violations()
    scores["identity_psnr"] = None
    if bad:
        return {**dict.fromkeys(scores, math.nan), "nonfinite": bad}
    still = Camera()
    scores["identity_psnr"] = psnr(render(reference, still).rgb, render(candidate, still).rgb, 1.0)
    scores["nonfinite"] = 0
    return scores


def _compare_layer(reference: LDI, candidate: LDI, layer: int) -> dict[str, float | None]:
    occupied = [ldi.occupancy[layer, 0] >= 0.5 for ldi in (reference, candidate)]
    scores: dict[str, float | None] = {}
    if layer:
        scores[f"gap_iou_layer{layer}"] = weighted_iou(
            gap_weight(reference, layer), gap_weight(candidate, layer)
        )
        scores[f"iou_layer{layer}"] = plain_iou(*occupied)
    change = np.abs(candidate.occupancy[layer].astype(np.float64) - reference.occupancy[layer])
    scores[f"occupancy_l1_layer{layer}"] = float(change.mean())
    error = np.abs(candidate.disparity[layer, 0].astype(np.float64) - reference.disparity[layer, 0])
    error = error[occupied[0] & occupied[1]]
    scores[f"disparity_l1_layer{layer}"] = float(error.mean()) if error.size else None
    scores[f"disparity_p95_layer{layer}"] = float(np.percentile(error, 95)) if error.size else None
    return scores
