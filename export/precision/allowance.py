"""How much of what the gates allow a variant uses: one scale for metrics of all kinds, 1 at the limit."""

import math
from collections.abc import Mapping, Sequence

from ...reference.errors import InputError
from ...runtime.parity.aggregate import higher_is_better, worst_of
from .workbench import Scores

MEASURED = ("ldi.order_violations", "ldi.gap_iou", "views.psnr", "views.psnr_disoccluded", "views.flip")
"""Metrics of gates that a workbench scores."""


def check_limits(limits: Mapping[str, float]) -> None:
    """Refuse gates on metrics that a workbench does not score.

    Raises:
        InputError: names the metric.
    """
    unknown = sorted(limits.keys() - set(MEASURED))
    if unknown:
        raise InputError(f"the precision search cannot judge {unknown[0]}: it knows {', '.join(MEASURED)}")


def used(metric: str, value: float, limit: float) -> float:
    """Return the share of its allowance that a metric uses: 0 without any error, 1 at the limit.

    Decibels count by amplitude, 10^((limit − value)/20); overlaps by what they lack, (1 − value)/(1 − limit);
    errors as value/limit. Of a limit that allows nothing any error uses infinitely much. NaN does, too.
    """
    if math.isnan(value):
        return math.inf
    if metric.rsplit(".", 1)[-1].startswith("psnr"):
        return float(10 ** ((limit - value) / 20))
    error, allowed = (1 - value, 1 - limit) if higher_is_better(metric) else (value, limit)
    if error <= 0:
        return 0.0
    return error / allowed if allowed > 0 else math.inf


def all_used(scores: Scores, limits: Mapping[str, float]) -> dict[str, float]:
    """Return what every measured metric that has a limit uses of it."""
    measured = ((metric, scores.get(metric), limit) for metric, limit in limits.items())
    return {metric: used(metric, value, limit) for metric, value, limit in measured if value is not None}


def most_used(scores: Scores, limits: Mapping[str, float]) -> float:
    """Return the largest share used by any metric; 0 where none was measured."""
    return max(all_used(scores, limits).values(), default=0.0)


def worst_scores(scores: Sequence[Scores]) -> Scores:
    """Return each metric's worst value over photos."""
    names = dict.fromkeys(name for score in scores for name in score)
    return {name: worst_of(name, [score.get(name) for score in scores])[0] for name in names}
