"""Scores that several metrics share: decibels with a stated range and stated ends, and shape checks."""

import math

import numpy as np

from ...reference.errors import InputError

# Equal arrays have infinitely many decibels; reports and JSON need a number. No float32 pair comes near it.
MOST_DB = 200.0


def decibels(signal: float, noise: float) -> float:
    """Return 10·log₁₀(signal/noise) kept within ±`MOST_DB`; no noise gives +MOST_DB, even without signal.

    Args:
        signal: power of the signal, ≥ 0.
        noise: power of the error, ≥ 0. NaN in either gives NaN.
    """
    if math.isnan(signal) or math.isnan(noise):
        return math.nan
    if noise == 0:
        return MOST_DB
    if signal == 0:
        return -MOST_DB
    return float(np.clip(10 * math.log10(signal / noise), -MOST_DB, MOST_DB))


def psnr(reference: np.ndarray, candidate: np.ndarray, data_range: float) -> float:
    """Return the peak signal-to-noise ratio in dB: 10·log₁₀(data_range² / mean squared error).

    Args:
        reference: any shape.
        candidate: the same shape.
        data_range: the stated width of the range that values can take, > 0; never inferred.
    """
    error = candidate.astype(np.float64) - reference.astype(np.float64)
    return decibels(data_range**2, float(np.mean(error**2)))


def same_shape(what: str, reference: np.ndarray, candidate: np.ndarray) -> None:
    """Raise unless both have one shape: the declared layout counts, nothing is ever permuted to fit.

    Raises:
        InputError: the shapes differ, or there are no values.
    """
    if reference.shape != candidate.shape:
        raise InputError(f"{what}: the reference is {reference.shape}, the candidate {candidate.shape}")
    if reference.size == 0:
        raise InputError(f"{what}: no values to compare, shape {reference.shape}")


def nonfinite(array: np.ndarray) -> int:
    """Count values that are NaN or infinite."""
    return int(np.count_nonzero(~np.isfinite(array)))
