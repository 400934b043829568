"""Sampling images at given points: resample and affine of the MIL definitions."""

import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, operation


def _pick(x: Tensor, column: Tensor, row: Tensor, outside: float | None) -> Tensor:
    """Elements of n×C×H×W at whole positions n×h×w; `outside` stands for those that are not in the image."""
    height, width = x.shape[2:]
    place = row.clamp(0, height - 1).to(torch.int64) * width + column.clamp(0, width - 1).to(torch.int64)
    index = place.reshape(len(x), 1, -1).expand(-1, x.shape[1], -1)
    values = x.flatten(2).gather(2, index).reshape(*x.shape[:2], *place.shape[1:])
    if outside is None:
        return values
    inside = (column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1)
    return torch.where(inside[:, None], values, torch.full_like(values, outside))


def bilinear(x: Tensor, column: Tensor, row: Tensor, outside: float | None) -> Tensor:
    """Interpolate n×C×H×W at positions n×h×w, whole numbers being the centres of pixels.

    Args:
        x: the images.
        column: positions along W.
        row: positions along H.
        outside: what stands outside the image; None: nothing does, positions are within it.
    """
    left, top = column.floor(), row.floor()
    right_share, bottom_share = (column - left)[:, None], (row - top)[:, None]
    upper = torch.lerp(_pick(x, left, top, outside), _pick(x, left + 1, top, outside), right_share)
    lower = torch.lerp(_pick(x, left, top + 1, outside), _pick(x, left + 1, top + 1, outside), right_share)
    return torch.lerp(upper, lower, bottom_share)


def _mirror(points: Tensor, low: float, high: float) -> Tensor:
    """Reflect positions at `low` and `high` until they lie between."""
    span = high - low
    if span <= 0:
        return torch.full_like(points, max(low, 0.0))
    away = torch.remainder(points - low, 2 * span)
    return low + torch.where(away > span, 2 * span - away, away)


def _positions(points: Tensor, size: int, mode: str, align_corners: bool) -> Tensor:
    """Turn coordinates of a mode into positions of pixels."""
    if mode == "unnormalized":
        return points
    if mode == "normalized_minus_one_to_one":
        points = (points + 1) / 2
    elif mode != "normalized_zero_to_one":
        raise InputError(f"unknown coordinates mode {mode!r}")
    return points * (size - 1) if align_corners else points * size - 0.5


@operation("resample")
def resample(
    call: Call,
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Take n×C×H×W at the points n×h×w×2 (x, y), bilinearly or at the nearest pixel."""
    if x.ndim != 4 or coordinates.ndim != 4 or coordinates.shape[-1] != 2 or len(coordinates) != len(x):
        raise InputError(f"has x {list(x.shape)} and coordinates {list(coordinates.shape)}")
    call.allocate((*x.shape[:2], *coordinates.shape[1:3]))
    axes = []
    for points, size in zip(coordinates.to(torch.float32).unbind(-1), (x.shape[3], x.shape[2]), strict=True):
        points = torch.nan_to_num(_positions(points, size, coordinates_mode, align_corners), nan=-1.0)
        if padding_mode == "border":
            points = points.clamp(0, size - 1)
        elif padding_mode in ("reflection", "symmetric"):
            # Symmetric: the edge is the outer border of the pixel, so that it comes twice.
            edge = 0.5 if padding_mode == "symmetric" else 0.0
            points = _mirror(points, -edge, size - 1 + edge).clamp(0, size - 1)
        elif padding_mode != "constant":
            raise InputError(f"unknown padding mode {padding_mode!r}")
        axes.append(points)
    outside = padding_value if padding_mode == "constant" else None
    if sampling_mode == "bilinear":
        return bilinear(x, axes[0], axes[1], outside)
    if sampling_mode != "nearest":
        raise InputError(f"unknown sampling mode {sampling_mode!r}")
    return _pick(x, axes[0].round(), axes[1].round(), outside)


@operation("affine")
def affine(
    call: Call,
    x: Tensor,
    transform_matrix: Tensor,
    output_height: int,
    output_width: int,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Transform images: the value at (x, y) is taken at (a0·x + a1·y + a2, b0·x + b1·y + b2)."""
    call.allocate((*x.shape[:2], output_height, output_width))
    if (
        transform_matrix.ndim != 2
        or transform_matrix.shape[1] != 6
        or len(transform_matrix) not in (1, len(x))
    ):
        raise InputError(f"has transform_matrix {list(transform_matrix.shape)} for x {list(x.shape)}")
    if coordinates_mode == "normalized_minus_one_to_one":
        low, high = -1.0, 1.0
    elif coordinates_mode == "normalized_zero_to_one":
        low, high = 0.0, 1.0
    else:
        raise InputError(f"unknown coordinates mode {coordinates_mode!r}")

    def axis(size: int) -> Tensor:
        if align_corners:
            return torch.linspace(low, high, size)
        return low + (high - low) * (torch.arange(size) + 0.5) / size

    down, right = torch.meshgrid(axis(output_height), axis(output_width), indexing="ij")
    base = torch.stack([right, down, torch.ones_like(right)], -1)
    matrices = transform_matrix.reshape(-1, 2, 3).expand(len(x), -1, -1)
    points = torch.einsum("hwk,nck->nhwc", base, matrices)
    return resample(
        call, x, points, sampling_mode, padding_mode, padding_value, coordinates_mode, align_corners
    )
