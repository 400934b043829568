"""How close one tensor is to another (metric spec 1, tensors)."""

import math

import numpy as np

from ...reference.errors import InputError
from .scores import decibels, nonfinite, psnr, same_shape


def compare_tensors(
    reference: np.ndarray, candidate: np.ndarray, data_range: float, name: str = "tensor"
) -> dict[str, float]:
    """Compare a candidate's tensor with the reference's, in float64.

    Args:
        reference: any shape.
        candidate: the same shape, in the same declared layout.
        data_range: width of the range that values can take, for PSNR; stated, never inferred.
        name: what the tensor is called, for errors.

    Returns:
        `sqnr_db`: 10·log₁₀(Σr² / Σ(c−r)²); `psnr_db`: 10·log₁₀(range² / mean(c−r)²), both within ±200;
        `cosine`: Σrc / (‖r‖·‖c‖), 1 when both are zero, 0 when one is; `max_abs`, `p99_abs`, `mean_abs`: of
        |c−r|, p99 interpolated linearly; `nonfinite`: NaN and infinite values in both; `data_range` as given.
        Where a value is not finite, all scores are NaN, which no gate passes.

    Raises:
        InputError: the shapes differ, or data_range is not a finite number above 0.
    """
    if not (math.isfinite(data_range) and data_range > 0):
        raise InputError(f"{name}: the data range must be a finite number above 0, got {data_range}")
    same_shape(name, reference, candidate)
    bad = nonfinite(reference) + nonfinite(candidate)
    if bad:
        scores = dict.fromkeys(("sqnr_db", "psnr_db", "cosine", "max_abs", "p99_abs", "mean_abs"), math.nan)
        return {**scores, "nonfinite": bad, "data_range": data_range}
    r, c = reference.astype(np.float64).ravel(), candidate.astype(np.float64).ravel()
    error = np.abs(c - r)
    return {
        "sqnr_db": decibels(float(r @ r), float(error @ error)),
        "psnr_db": psnr(r, c, data_range),
        "cosine": _cosine(r, c),
        "max_abs": float(error.max()),
        "p99_abs": float(np.percentile(error, 99)),
        "mean_abs": float(error.mean()),
        "nonfinite": 0,
        "data_range": data_range,
    }


def _cosine(r: np.ndarray, c: np.ndarray) -> float:
    lengths = float(np.linalg.norm(r)), float(np.linalg.norm(c))
    if 0.0 in lengths:
        return 1.0 if lengths == (0.0, 0.0) else 0.0
    return float(np.clip((r / lengths[0]) @ (c / lengths[1]), -1.0, 1.0))
