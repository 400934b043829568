"""How close the views of one LDI are to those of another (metric spec 1, views)."""

import math
from collections.abc import Sequence
from typing import Any

import flip_evaluator
import numpy as np
from skimage.metrics import structural_similarity

from ...reference.errors import InputError
from ...reference.ldi import LDI, OUTPUT_NAMES
from ...reference.render import Camera, View, parity_cameras, render
from .aggregate import worst_of
from .scores import decibels, nonfinite, same_shape

# Colours are in [0, 1].
DATA_RANGE = 1.0
# Fewer disoccluded pixels than this say nothing about them: the scores inside the mask are then None.
FEWEST_PIXELS = 20


def render_views(ldi: LDI, cameras: Sequence[Camera] | None = None) -> list[View] | None:
    """Render `ldi` along a camera path, to compare with several candidates; None if it is not finite."""
    if any(nonfinite(getattr(ldi, name)) for name in OUTPUT_NAMES):
        return None
    return [render(ldi, camera) for camera in (parity_cameras() if cameras is None else cameras)]


def ssim_map(reference: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Return structural similarity a pixel, mean of the channels, (H, W) (Wang et al., 2004).

    Gaussian weights of σ 1.5 and the covariance of the population, as in the paper; data range 1.0. Frames
    must be at least 11×11.
    """
    _, similarity = structural_similarity(
        reference,
        candidate,
        channel_axis=2,
        data_range=DATA_RANGE,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return similarity.mean(axis=2)


def flip_map(reference: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Return the ꟻLIP error a pixel, (H, W) in [0, 1] (Andersson et al., 2020): LDR, sRGB, 67 px a degree.

    Args:
        reference: (H, W, 3) float32 in [0, 1].
        candidate: (H, W, 3) float32 in [0, 1].
    """
    images = [np.ascontiguousarray(image, dtype=np.float32) for image in (reference, candidate)]
    return np.squeeze(
        flip_evaluator.evaluate(*images, "LDR", applyMagma=False, computeMeanError=False)[0], axis=2
    )


def compare_view(reference: View, candidate: View, flip: bool = True) -> dict[str, float | None]:
    """Compare two views of one camera.

    Args:
        reference: the reference's view.
        candidate: the candidate's view, the same size.
        flip: whether to score ꟻLIP, which takes most of the time; its scores are None without.

    Returns:
        `psnr` (dB, range 1.0), `ssim`, `flip` (mean) on the frame; `psnr_disoccluded`, `ssim_disoccluded`,
        `flip_disoccluded` inside the reference's disocclusion mask, None where it has under `FEWEST_PIXELS`;
        `disoccluded`, the mask's fraction of the frame; `holes_reference` and `holes_candidate`, fractions of
        the frame that less than half is filled of, and `holes_change`, their absolute difference.

    Raises:
        InputError: the sizes differ.
    """
    same_shape("view", reference.rgb, candidate.rgb)
    error = (candidate.rgb.astype(np.float64) - reference.rgb) ** 2
    maps = {"ssim": ssim_map(reference.rgb, candidate.rgb)}
    if flip:
        maps["flip"] = flip_map(reference.rgb, candidate.rgb)
    mask = reference.disoccluded
    enough = np.count_nonzero(mask) >= FEWEST_PIXELS
    scores: dict[str, float | None] = dict.fromkeys(
        f"{metric}{where}" for metric in ("psnr", "ssim", "flip") for where in ("", "_disoccluded")
    )
    scores["psnr"] = decibels(DATA_RANGE**2, float(error.mean()))
    scores.update({name: float(values.mean()) for name, values in maps.items()})
    if enough:
        scores["psnr_disoccluded"] = decibels(DATA_RANGE**2, float(error[mask].mean()))
        scores.update({f"{name}_disoccluded": float(values[mask].mean()) for name, values in maps.items()})
    scores["disoccluded"] = float(mask.mean())
    holes = float(reference.holes.mean()), float(candidate.holes.mean())
    scores["holes_reference"], scores["holes_candidate"] = holes
    scores["holes_change"] = abs(holes[1] - holes[0])
    return scores


def compare_views(
    reference: LDI | Sequence[View] | None,
    candidate: LDI | Sequence[View] | None,
    cameras: Sequence[Camera] | None = None,
    flip: bool = True,
) -> dict[str, Any]:
    """Compare what two LDIs look like along a camera path.

    Args:
        reference: an LDI, or its views from `render_views` with the same cameras.
        candidate: likewise.
        cameras: `parity_cameras()` when None.
        flip: see `compare_view`.

    Returns:
        `worst` and `median` over the views, each with the scores of `compare_view`, and `views`, the scores
        of each view, in the path's order, with the camera's `x` and `y`. Where an LDI is not finite, `views`
        is empty and the scores are NaN, which no gate passes.

    Raises:
        InputError: the sizes differ, or the views are not as many as the cameras.
    """
    cameras = parity_cameras() if cameras is None else cameras
    seen = [
        render_views(views, cameras) if isinstance(views, LDI) else views for views in (reference, candidate)
    ]
    if seen[0] is None or seen[1] is None:
        blank = dict.fromkeys(_names(), math.nan)
        return {"worst": blank, "median": dict(blank), "views": []}
    if not len(seen[0]) == len(seen[1]) == len(cameras) or not cameras:
        raise InputError(f"got {len(seen[0])} and {len(seen[1])} views for {len(cameras)} cameras")
    scores = [compare_view(r, c, flip) for r, c in zip(*seen, strict=True)]
    return {
        "worst": {name: worst_of(name, [s[name] for s in scores])[0] for name in _names()},
        "median": {name: _median([s[name] for s in scores]) for name in _names()},
        "views": [{"x": c.x, "y": c.y, **s} for c, s in zip(cameras, scores, strict=True)],
    }


def _names() -> list[str]:
    regions = [f"{metric}{where}" for metric in ("psnr", "ssim", "flip") for where in ("", "_disoccluded")]
    return [*regions, "disoccluded", "holes_reference", "holes_candidate", "holes_change"]


def _median(values: Sequence[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return float(np.median(measured)) if measured else None
