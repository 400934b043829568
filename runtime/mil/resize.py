"""Resizing the last axes: image_resizing.py of the MIL definitions.

Where a sample is taken decides everything here, so the grids are written out as the definitions have them.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...reference.errors import InputError
from .registry import Call, Ints, operation


def grid(size: int, target: int, mode: str) -> Tensor:
    """Where along an axis of `size` elements the `target` samples are taken (notes of resize_bilinear).

    Args:
        size: elements of the input.
        target: elements of the output.
        mode: "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS" or "UNALIGN_CORNERS".

    Returns:
        `target` positions in [0, size - 1], float64.

    Raises:
        InputError: an unknown mode.
    """
    i = torch.arange(target, dtype=torch.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if target == 1:
            middle = (size - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0
            return torch.full((1,), middle, dtype=torch.float64)
        points = i * (size - 1) / (target - 1)
    elif mode == "DEFAULT":
        points = i * size / target
    elif mode == "OFFSET_CORNERS":
        delta = max(1, size - 1) / target
        points = 0.5 * delta + i * delta
    elif mode == "UNALIGN_CORNERS":
        points = (i + 0.5) * size / target - 0.5
    else:
        raise InputError(f"unknown sampling mode {mode!r}")
    return points.clamp(0, size - 1)


def _linear_axis(call: Call, x: Tensor, axis: int, points: Tensor) -> Tensor:
    if points.numel() == x.shape[axis] and bool((points == torch.arange(x.shape[axis])).all()):
        return x
    low = points.floor().to(torch.int64)
    high = (low + 1).clamp(max=x.shape[axis] - 1)
    shape = [1] * x.ndim
    shape[axis] = -1
    share = (points - low).to(torch.float32).reshape(shape)
    a, b = x.index_select(axis, low), x.index_select(axis, high)
    return call.step(torch.lerp(a.to(torch.float32), b.to(torch.float32), share))


def _bilinear(call: Call, x: Tensor, height: int, width: int, mode: str) -> Tensor:
    call.allocate((*x.shape[:-2], height, width))
    corners = mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS") and min(height, width) > 1
    if x.ndim == 4 and not call.inner and (corners or mode == "UNALIGN_CORNERS"):
        # The same two grids as torch's own, whose kernel is several times faster.
        return F.interpolate(x, (height, width), mode="bilinear", align_corners=corners)
    x = _linear_axis(call, x, x.ndim - 1, grid(x.shape[-1], width, mode))
    return _linear_axis(call, x, x.ndim - 2, grid(x.shape[-2], height, mode))


def _scaled(size: int, factor: float) -> int:
    """floor(size × factor) in float32, as the definition computes the output's size."""
    return math.floor(np.float32(size) * np.float32(factor))


def _target(call: Call, x: Tensor, vertical: float, horizontal: float) -> tuple[int, int]:
    if x.ndim < 3:
        raise InputError(f"x has rank {x.ndim}, at least 3 wanted")
    height, width = _scaled(x.shape[-2], vertical), _scaled(x.shape[-1], horizontal)
    if min(height, width) < 1:
        raise InputError(f"the scale factors {vertical}, {horizontal} leave nothing of {list(x.shape)}")
    call.allocate((*x.shape[:-2], height, width))
    return height, width


@operation("upsample_bilinear")
def upsample_bilinear(
    call: Call,
    x: Tensor,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Bilinear by factors; the factor used for sampling is recomputed from the two sizes."""
    if half_pixel_centers is None:
        half_pixel_centers = not align_corners
    if align_corners and half_pixel_centers:
        raise InputError("align_corners and half_pixel_centers are both true, which no grid satisfies")
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if half_pixel_centers else "DEFAULT"
    return _bilinear(call, x, *_target(call, x, scale_factor_height, scale_factor_width), mode)


@operation("resize_bilinear")
def resize_bilinear(
    call: Call,
    x: Tensor,
    target_size_height: int = 1,
    target_size_width: int = 1,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """Bilinear to a size."""
    if x.ndim < 3:
        raise InputError(f"x has rank {x.ndim}, at least 3 wanted")
    return _bilinear(call, x, target_size_height, target_size_width, sampling_mode)


def _nearest(call: Call, x: Tensor, height: int, width: int) -> Tensor:
    """Sample i takes element floor(i × size / target)."""
    call.allocate((*x.shape[:-2], height, width))
    for axis, target in ((-2, height), (-1, width)):
        size = x.shape[axis]
        if target == size:
            continue
        if target % size == 0:
            x = x.repeat_interleave(target // size, axis)
        else:
            x = x.index_select(x.ndim + axis, torch.arange(target) * size // target)
    return x


@operation("upsample_nearest_neighbor", moves=True)
def upsample_nearest_neighbor(
    call: Call, x: Tensor, scale_factor_height: float = 1, scale_factor_width: float = 1
) -> Tensor:
    """Nearest neighbour by factors."""
    return _nearest(call, x, *_target(call, x, scale_factor_height, scale_factor_width))


@operation("resize_nearest_neighbor", moves=True)
def resize_nearest_neighbor(call: Call, x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """Nearest neighbour to a size."""
    return _nearest(call, x, target_size_height, target_size_width)


@operation("resize")
def resize(
    call: Call,
    x: Tensor,
    shape: Ints,
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """Resize the last `resized_dims` axes to the last numbers of `shape`; 0 keeps a size.

    The nearest element is that of the rounded position (half goes up).
    """
    if not 0 <= resized_dims <= min(len(shape), x.ndim):
        raise InputError(f"resized_dims is {resized_dims}, shape has {len(shape)} numbers, x rank {x.ndim}")
    if interpolation_mode not in ("LINEAR", "NEAREST_NEIGHBOR"):
        raise InputError(f"unknown interpolation mode {interpolation_mode!r}")
    first = x.ndim - resized_dims
    wanted = [x.shape[first + i] if n == 0 else n for i, n in enumerate(shape[len(shape) - resized_dims :])]
    call.allocate((*x.shape[:first], *wanted))
    if interpolation_mode == "LINEAR" and resized_dims == 2:
        return _bilinear(call, x, wanted[0], wanted[1], sampling_mode)
    for axis, target in enumerate(wanted, first):
        points = grid(x.shape[axis], target, sampling_mode)
        if interpolation_mode == "LINEAR":
            x = _linear_axis(call, x, axis, points)
        else:
            x = x.index_select(axis, torch.floor(points + 0.5).to(torch.int64))
    return x


@operation("crop", moves=True)
def crop(call: Call, x: Tensor, crop_height: Ints, crop_width: Ints) -> Tensor:
    """Cut off the edges of the last two axes."""
    height, width = x.shape[-2:]
    return x[..., crop_height[0] : height - crop_height[1], crop_width[0] : width - crop_width[1]]
