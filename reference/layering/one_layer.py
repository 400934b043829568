"""Holding marked parts of a photo (glass, mirrors, fences) on one layer each: no tear inside of them."""

import numpy as np

from ..errors import InputError

# Painted by hand there are a few; thousands are noise, and each costs a fit.
MOST_PATCHES = 1000
# Width of the rim that a plane is fitted to, as a share of the long side, and at least in pixels.
_RIM, _LEAST_RIM = 1 / 200, 2
_ROUNDS = 12
# Deviation that is always taken for the plane's own: a step of 8-bit depth.
_LEAST_SCALE = 1 / 255
# Of the slope allowed, so that rounding leaves it below.
_MARGIN = 0.9


def hold_on_one_layer(disparity: np.ndarray, mask: np.ndarray, slope: float) -> np.ndarray:
    """Replace the disparity inside a mask by planes that are nowhere steep enough to tear.

    Each patch of the mask (8-connected) gets one plane, fitted robustly (iteratively reweighted least
    squares, Cauchy's weights) to the disparity of the rim around it: where a minority of the rim lies on
    another surface, that does not count. Its rise along rows and along columns is limited to 0.9 of `slope`
    around the rim's centre, and its values to the 5th and 95th percentile of the rim's. So the lower envelope
    of that slope leaves the inside alone but for what lies farther outside. At the mask's own edge the
    disparity may step: there the patch ends in front of, or behind, what is beside it.

    Args:
        disparity: (H, W) float32 in [0, 1].
        mask: (H, W) bool.
        slope: s of the layering at this size, disparity a pixel (see `SoftLayering`).

    Returns:
        (H, W) float32 in [0, 1]; outside of the mask as it was.

    Raises:
        InputError: the mask has more than 1000 patches.
    """
    from skimage.measure import label, regionprops
    from skimage.morphology import isotropic_dilation

    patches = label(mask, connectivity=2)
    if patches.max() > MOST_PATCHES:
        raise InputError(
            f"the mask has {patches.max()} separate patches, more than {MOST_PATCHES}: paint whole areas"
        )
    width = max(_LEAST_RIM, round(max(mask.shape) * _RIM))
    out = disparity.astype(np.float32, copy=True)
    for region in regionprops(patches):
        top, left, bottom, right = region.bbox
        window = (slice(max(top - width, 0), bottom + width), slice(max(left - width, 0), right + width))
        inside = patches[window] == region.label
        rim = isotropic_dilation(inside, width) & ~mask[window]
        if not rim.any():  # a coarse grid may leave nothing beside it
            rim = inside
        out[window][inside] = _plane(disparity[window], rim, inside, _MARGIN * slope)
    return out


def _plane(disparity: np.ndarray, rim: np.ndarray, inside: np.ndarray, steepest: float) -> np.ndarray:
    """Return a plane through the rim's disparity, at the pixels inside."""
    values = disparity[rim].astype(np.float64)
    places = np.argwhere(rim).astype(np.float64)
    weights = np.ones(len(values))
    for _ in range(_ROUNDS):
        centre = np.average(places, axis=0, weights=weights)
        level = np.average(values, weights=weights)
        root = np.sqrt(weights)
        rise = np.linalg.lstsq((places - centre) * root[:, None], (values - level) * root, rcond=1e-6)[0]
        away = np.abs(values - level - (places - centre) @ rise)
        weights = 1 / (1 + (away / max(1.4826 * float(np.median(away)), _LEAST_SCALE)) ** 2)
    rise = np.clip(rise, -steepest, steepest)
    plane = level + (np.argwhere(inside) - centre) @ rise
    return np.clip(plane, *np.percentile(values, (5, 95))).astype(np.float32)
