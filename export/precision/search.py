"""`--precision auto`: the smallest and fastest mixture of int8 and float layers that is inside the gates."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...reference.errors import InputError
from ...reference.progress import counted, track
from ...reference.quantized.recipe import Recipe
from ...runtime.parity.gates import DEFAULT_GATES
from .allowance import all_used, check_limits, worst_scores
from .cost import FLOAT_MAC
from .judge import Judge, Mixture, SearchPoint
from .pareto import pareto_front
from .sensitivity import only, scores_on_all
from .strategy import fewest_float
from .workbench import Depth, Scores, Workbench

MARGIN = 0.1
"""Share of what each gate allows that the search leaves unused: other photos are harder than those it saw."""


@dataclass(frozen=True)
class SearchResult:
    """What the search found.

    Attributes:
        recipe: of the chosen mixture; float layers with the reason.
        chosen: its point.
        passed: whether it is inside the gates. False where not even all layers that may be float help: then
            the mixture that came closest is chosen.
        margin, limits, float_mac: as given.
        photos: names of those judged on.
        points: all that were tried, in order.
    """

    recipe: Recipe
    chosen: SearchPoint
    passed: bool
    margin: float
    limits: Mapping[str, float]
    float_mac: float
    photos: tuple[str, ...]
    points: tuple[SearchPoint, ...]

    def front(self, axis: str) -> list[SearchPoint]:
        """Return the points that no other beats in view PSNR against an axis: "bytes" or "cost".

        A point on which not all photos were judged takes no part.
        """
        whole = [point for point in self.points if point.photos == len(self.photos)]
        return pareto_front(whole, lambda p: p.view_psnr, lambda p: float(getattr(p, axis)))

    def to_json(self) -> str:
        """Return the text of search.json."""
        content: dict[str, Any] = {
            "passed": self.passed,
            "chosen": self.chosen.label,
            "margin": self.margin,
            "limits": dict(self.limits),
            "float_mac": self.float_mac,
            "photos": list(self.photos),
            "points": [_plain(point) for point in self.points],
            "pareto": {axis: [point.label for point in self.front(axis)] for axis in ("bytes", "cost")},
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def search_precision(
    bench: Workbench,
    limits: Mapping[str, float] | None = None,
    margin: float = MARGIN,
    float_mac: float = FLOAT_MAC,
    may_be_float: Collection[str] | None = None,
) -> SearchResult:
    """Return the cheapest mixture of int8 and float layers found that is inside the gates on every photo.

    All int8 is tried first. Where that fails, each layer is made int8 alone, which gives an order: the square
    of what it uses of the gates' allowance (mean of the photos), for the share of bytes and of time that
    leaving it float adds. `fewest_float` then finds how many of that order are needed, and which of them are
    not. (To leave each layer float alone gives a worse order: beside the noise of all others what one layer
    adds to an overlap is lost, and often negative.) Of the layers found, as many as possible then get their
    int8 weights back and compute in float, which costs a quarter of the bytes: `fewest_float` again, over
    them, ordered by what each weight alone uses of the allowance.

    Args:
        bench: with an int8 recipe and photos that do not verify.
        limits: by metric; the default gates of int8 when None.
        margin: share of each gate's allowance to leave unused, 0 to below 1.
        float_mac: cost of a float multiply-accumulate in int8 ones.
        may_be_float: "STAGE/LAYER"; all int8 layers when None.

    Raises:
        InputError: a margin out of range, a gate that cannot be judged here, or an unknown layer.
    """
    limits = DEFAULT_GATES["int8"] if limits is None else limits
    check_limits(limits)
    if not 0 <= margin < 1:
        raise InputError(f"the search's margin must be at least 0 and below 1, got {margin}")
    unknown = sorted(set(may_be_float or ()) - set(bench.layers))
    if unknown:
        raise InputError(f"no int8 layer {unknown[0]!r} in the recipe that could be left float")
    allowed = [layer for layer in bench.layers if may_be_float is None or layer in may_be_float]
    judge = Judge(bench, limits, 1 - margin, float_mac)
    reasons: dict[str, str] = {}
    chosen = Mixture()
    passed = judge.passes(chosen)
    if not passed:
        gains = _gains(bench, judge, allowed)
        reasons = {layer: gain.reason for layer, gain in gains.items()}
        chosen, passed = _with_float(judge, _ordered(gains))
        if passed:
            chosen = _with_weights(bench, judge, chosen)
        else:
            chosen = min(judge.points, key=lambda mixture: judge.points[mixture].used)
    networks = bench.int8(
        {layer: f"left float by the search: {reasons[layer]}" for layer in sorted(chosen.left_float)},
        {
            layer: f"its weight alone int8 by the search: {reasons[layer]}"
            for layer in sorted(chosen.weight_only)
        },
    )
    return SearchResult(
        replace(bench.recipe, networks=networks),
        judge.points[chosen],
        passed,
        margin,
        dict(limits),
        float_mac,
        bench.photos,
        tuple(judge.points.values()),
    )


def _with_float(judge: Judge, order: list[str]) -> tuple[Mixture, bool]:
    """Return a mixture with few layers wholly float, and whether it passes."""
    with counted("searching float layers") as count:

        def test(layers: frozenset[str], answer_only: bool) -> bool:
            count()
            return judge.passes(Mixture(layers), answer_only)

        wholly, passed = fewest_float(order, test)
    return Mixture(wholly), passed


def _with_weights(bench: Workbench, judge: Judge, mixture: Mixture) -> Mixture:
    """Return a mixture that passes with as many of the float layers' weights in int8 as possible."""
    light = Mixture(frozenset(), mixture.left_float)
    if judge.passes(light):
        return light
    order = _ordered(_gains(bench, judge, sorted(mixture.left_float), weight_only=True))
    with counted("searching int8 weights") as count:

        def test(layers: frozenset[str], answer_only: bool) -> bool:
            count()
            return judge.passes(Mixture(layers, mixture.left_float - layers), answer_only)

        wholly, _ = fewest_float(order, test)
    return Mixture(wholly, mixture.left_float - wholly)


@dataclass(frozen=True)
class _Gain:
    """What leaving one layer float is good for: by its cost, and in words."""

    per_cost: float
    reason: str


def _ordered(gains: Mapping[str, _Gain]) -> list[str]:
    """Return layers, the most useful to leave float for its cost first."""
    return sorted(gains, key=lambda layer: -gains[layer].per_cost)


def _gains(
    bench: Workbench, judge: Judge, layers: Collection[str], weight_only: bool = False
) -> dict[str, _Gain]:
    """Make each layer, or its weight, alone int8 and measure how much of the allowance that uses."""
    failing = all_used(judge.worst_at_first, judge.limits)
    # Views cost most of the time: only where it is they that fail.
    views = any(metric.startswith("views.") and share > judge.most for metric, share in failing.items())
    whole = judge.cost(Mixture())
    found = {}
    for layer in track(layers, f"measuring {'weights' if weight_only else 'layers'}", len(layers)):
        scores = scores_on_all(bench, only(bench, layer, weight_only), Depth.VIEWS if views else Depth.LAYERS)
        # The errors of layers are taken as independent of each other, so that their squares add.
        gain = sum(judge.total(score) ** 2 for score in scores) / len(scores)
        alone = frozenset({layer})
        before = judge.cost(Mixture(frozenset(), alone)) if weight_only else whole
        cost = judge.cost(Mixture(alone))
        added = (cost.bytes - before.bytes) / whole.bytes + (cost.macs - before.macs) / whole.macs
        found[layer] = _Gain(gain / added, _reason(worst_scores(scores)))
    return found


def _reason(alone: Scores) -> str:
    """Say what a layer costs on its own."""
    parts = []
    for metric, name, form in (
        ("ldi.gap_iou", "gap IoU", ".3f"),
        ("views.psnr", "view PSNR", ".1f"),
    ):
        value = alone.get(metric)
        if value is not None:
            parts.append(f"{name} {value:{form}}")
    return f"with it alone in int8 the worst photo has {', '.join(parts)}"


def _plain(point: SearchPoint) -> dict[str, Any]:
    return {name: _finite(value) for name, value in asdict(point).items()}


def _finite(value: Any) -> Any:
    """Return None for what JSON has no number for."""
    return None if isinstance(value, float) and value - value != 0 else value
