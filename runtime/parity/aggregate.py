"""From the scores of each photo to the worst photo, its index, and the median."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Metrics by the last part of their name, without _layer{k} and _disoccluded. All others are errors, counts
# and fractions, of which less is better.
HIGHER_IS_BETTER = frozenset(
    {"sqnr_db", "psnr_db", "cosine", "gap_iou", "iou", "identity_psnr", "psnr", "ssim"}
)


def higher_is_better(metric: str) -> bool:
    """Say whether more of `metric`, like `ldi.gap_iou_layer1` or `views.psnr_disoccluded`, is better."""
    base = metric.rsplit(".", 1)[-1].split("_layer")[0].removesuffix("_disoccluded")
    return base in HIGHER_IS_BETTER


def worst_of(metric: str, values: Sequence[float | None]) -> tuple[float | None, int | None]:
    """Return the worst value and its index: NaN before all, None (unmeasured) never, the first of equals."""
    worst: tuple[float | None, int | None] = (None, None)
    better = 1.0 if higher_is_better(metric) else -1.0
    for index, value in enumerate(values):
        if value is None:
            continue
        if math.isnan(value):
            return math.nan, index
        if worst[0] is None or better * value < better * worst[0]:
            worst = (float(value), index)
    return worst


def flatten(scores: Mapping[str, Any], prefix: str = "") -> dict[str, float | None]:
    """Return nested scores under dotted names, such as `ldi.gap_iou` or `tensors.color.sqnr_db`.

    A result of `compare_views` counts with its worst view; text and lists are left out.
    """
    if "worst" in scores:
        return flatten(scores["worst"], prefix)
    flat: dict[str, float | None] = {}
    for name, value in scores.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        elif value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool)):
            flat[prefix + name] = None if value is None else float(value)
    return flat


def aggregate(per_photo: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Gather the scores of several photos.

    Args:
        per_photo: one mapping a photo, nested as you like: {"ldi": compare_ldi(...), "views":
            compare_views(...), "tensors": {"color": compare_tensors(...), ...}}.

    Returns:
        {metric: {"worst": value, "worst_photo": its index, "median": value, "photos": how many measured it}}.
        None where no photo measured it. A value that is not finite is the worst and stays NaN in the median.
    """
    flats = [flatten(scores) for scores in per_photo]
    gathered = {}
    for metric in dict.fromkeys(name for flat in flats for name in flat):
        values = [flat.get(metric) for flat in flats]
        worst, photo = worst_of(metric, values)
        measured = [value for value in values if value is not None]
        median = float(np.median(measured)) if measured else None
        gathered[metric] = {"worst": worst, "worst_photo": photo, "median": median, "photos": len(measured)}
    return gathered
