"""`--precision auto`: the smallest and fastest mixture of int8 and float layers that is inside the gates."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...reference.errors import InputError
from ...reference.progress import counted, track
from ...reference.quantized.recipe import STAGES, Recipe
from ...runtime.parity.gates import DEFAULT_GATES
from .allowance import all_used, check_limits, worst_scores
from .cost import FLOAT_MAC
from .judge import Judge, Mixture, SearchPoint
from .pareto import pareto_front
from .sensitivity import only
from .strategy import fewest_float
from .workbench import REMEMBERED, Depth, Scores, Workbench

MARGIN = 0.1
"""Share of what each gate allows that the search leaves unused."""

SPREAD = 4.0
"""Other photos are harder than those it saw: how many times the root mean square of what photos use of the
gates' allowance another photo may use. Of nine mixtures of the pocket networks the worst of 19 photos used at
most 2.6 times their root mean square, and that was at most 1.6 times the one of 18 cases of six other photos.
"""


@dataclass(frozen=True)
class SearchResult:
    """What the search found.

    Attributes:
        recipe: of the chosen mixture; float layers with the reason.
        chosen: its point.
        passed: whether it is inside the gates. False where not even all layers that may be float help: then
            the mixture that came closest is chosen.
        margin, spread, limits, float_mac: as given.
        photos: names of those judged on, changed ones (see `cases`) included.
        points: all that were tried, in order.
    """

    recipe: Recipe
    chosen: SearchPoint
    passed: bool
    margin: float
    spread: float
    limits: Mapping[str, float]
    float_mac: float
    photos: tuple[str, ...]
    points: tuple[SearchPoint, ...]

    def front(self, axis: str) -> list[SearchPoint]:
        """Return the points that no other beats in view PSNR against an axis: "bytes" or "cost".

        A point of which not all photos' views were judged takes no part.
        """
        return pareto_front(self.points, lambda p: p.view_psnr, lambda p: float(getattr(p, axis)))

    def to_json(self) -> str:
        """Return the text of search.json."""
        content: dict[str, Any] = {
            "passed": self.passed,
            "chosen": self.chosen.label,
            "margin": self.margin,
            "spread": self.spread,
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
    spread: float = SPREAD,
    float_mac: float = FLOAT_MAC,
    may_be_float: Collection[str] | None = None,
) -> SearchResult:
    """Return the cheapest mixture of int8 and float layers found that is inside the gates on every photo.

    All int8 is tried first. Where that fails, it is tried what lies at the other end: all layers of one
    network, or of both, with their weights in int8 but computing in float, or wholly float. The cheapest that
    passes is where the search begins. Each of its layers is made int8 alone, which gives an order: the square
    of what it uses of the gates' allowance (mean of the first `REMEMBERED` photos), for the share of bytes
    and of time that keeping it as it is adds. (To leave each layer float alone gives a worse order: beside
    the noise of all others what one layer adds to an overlap is lost, and often negative.) `fewest_float`
    then finds how many of that order are needed, and which of them are not; a layer that already fails alone
    is needed. Where the beginning was wholly float, as many layers as possible get their int8 weights back
    and compute in float, which costs a quarter of the bytes: `fewest_float` again, ordered by what each
    weight alone uses of the allowance.

    What is chosen is confirmed by all gates on all photos; should one of those fail that tell apart the least
    for their time (see `Judge`), the search is done once more with all of them in every judgement.

    Args:
        bench: with an int8 recipe and photos that do not verify.
        limits: by metric; the default gates of int8 when None.
        margin: share of each gate's allowance to leave unused, 0 to below 1.
        spread: how many times the root mean square of what the photos use is expected of others, and has to
            be inside the gates too; 0 where these photos are all that matters.
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
    judge = Judge(bench, limits, 1 - margin, spread, float_mac)
    found = _search(bench, judge, allowed)
    if found.passed and not judge.confirms(found.mixture):
        found = _search(bench, judge, allowed)
    chosen, reasons = found.mixture, found.reasons
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
        found.passed,
        margin,
        spread,
        dict(limits),
        float_mac,
        bench.photos,
        tuple(judge.points.values()),
    )


@dataclass(frozen=True)
class _Found:
    """A mixture, whether it passes, and why each of its layers is not int8."""

    mixture: Mixture
    passed: bool
    reasons: Mapping[str, str]


def _search(bench: Workbench, judge: Judge, allowed: Sequence[str]) -> _Found:
    """See `search_precision`."""
    if judge.passes(Mixture()):
        return _Found(Mixture(), True, {})
    begin, passed = _begin(judge, allowed)
    if not passed:
        reason = "no mixture that was tried is inside the gates, and this one comes closest"
        return _Found(begin, False, dict.fromkeys(begin.left_float | begin.weight_only, reason))
    light = not begin.left_float
    gains = _gains(bench, judge, sorted(begin.left_float or begin.weight_only), light)

    def mixture(layers: frozenset[str]) -> Mixture:
        return Mixture(frozenset(), layers) if light else Mixture(layers)

    with counted("searching layers") as count:

        def test(layers: frozenset[str], answer_only: bool) -> bool:
            count()
            return judge.passes(mixture(layers), answer_only)

        needed = [layer for layer, gain in gains.items() if gain.fails_alone]
        chosen = mixture(fewest_float(_ordered(gains), test, needed)[0])
    if not light:
        chosen = _with_weights(bench, judge, chosen)
    return _Found(chosen, True, {layer: gain.reason for layer, gain in gains.items()})


def _begin(judge: Judge, allowed: Sequence[str]) -> tuple[Mixture, bool]:
    """Return the cheapest mixture of whole networks that passes and True, or the closest one and False."""
    stages = [frozenset(layer for layer in allowed if layer.startswith(f"{stage}/")) for stage in STAGES]
    groups = list(dict.fromkeys(group for group in (*stages, frozenset(allowed)) if group))
    # All of them float is tried in any case: the report's picture ends there.
    rounds = (
        [Mixture(frozenset(), group) for group in groups] + [Mixture(group) for group in groups[-1:]],
        [Mixture(group) for group in groups],
    )
    for tried in rounds:
        passing = [mixture for mixture in tried if judge.passes(mixture)]
        if passing:
            return min(passing, key=lambda mixture: _added(judge, mixture)), True
    return min(judge.points, key=lambda mixture: judge.points[mixture].most), False


def _added(judge: Judge, mixture: Mixture, before: Mixture | None = None) -> float:
    """Return what a mixture costs beyond another, or beyond all int8, as a share of what all int8 does."""
    whole = judge.cost(Mixture())
    less, cost = judge.cost(before or Mixture()), judge.cost(mixture)
    return (cost.bytes - less.bytes) / whole.bytes + (cost.macs - less.macs) / whole.macs


def _with_weights(bench: Workbench, judge: Judge, mixture: Mixture) -> Mixture:
    """Return a mixture that passes with as many of the float layers' weights in int8 as possible."""
    light = Mixture(frozenset(), mixture.left_float)
    if judge.passes(light):
        return light
    order = _ordered(_gains(bench, judge, sorted(mixture.left_float), light=False, weight_only=True))
    with counted("searching int8 weights") as count:

        def test(layers: frozenset[str], answer_only: bool) -> bool:
            count()
            return judge.passes(Mixture(layers, mixture.left_float - layers), answer_only)

        wholly, _ = fewest_float(order, test)
    return Mixture(wholly, mixture.left_float - wholly)


@dataclass(frozen=True)
class _Gain:
    """What keeping a layer from int8 is good for: by its cost, whether int8 fails with it alone, in words."""

    per_cost: float
    fails_alone: bool
    reason: str


def _ordered(gains: Mapping[str, _Gain]) -> list[str]:
    """Return layers, the most useful to keep from int8 for its cost first."""
    return sorted(gains, key=lambda layer: -gains[layer].per_cost)


def _gains(
    bench: Workbench, judge: Judge, layers: Collection[str], light: bool, weight_only: bool = False
) -> dict[str, _Gain]:
    """Make each layer, or its weight, alone int8 and measure how much of the allowance that uses.

    Args:
        bench, judge: see `search_precision`.
        layers: that may become int8.
        light: whether they compute in float with int8 weights otherwise, or are wholly float.
        weight_only: make the weight alone int8.
    """
    failing = {m for m, used in all_used(judge.worst_at_first, judge.limits).items() if used > judge.most}
    # Views cost as much again as layers do: only where layers alone do not tell.
    told = any(metric.startswith("ldi.") for metric in failing) and all(
        n.startswith("depth/") for n in layers
    )
    views = not told and any(metric.startswith("views.") for metric in failing)
    photos = range(min(len(bench.photos), REMEMBERED))
    found = {}
    for layer in track(layers, f"measuring {'weights' if weight_only else 'layers'}", len(layers)):
        networks = only(bench, layer, weight_only)
        scores = [bench.score(networks, photo, Depth.VIEWS if views else Depth.LAYERS) for photo in photos]
        # The errors of layers are taken as independent of each other, so that their squares add.
        gain = sum(judge.total(score) ** 2 for score in scores) / len(scores)
        expected = judge.expected([judge.share(score) for score in scores], len(scores))
        alone = frozenset({layer})
        kept = Mixture(frozenset(), alone) if light else Mixture(alone)
        added = _added(judge, kept, Mixture(frozenset(), alone) if weight_only else None)
        worth = gain / added if added > 0 else math.inf
        found[layer] = _Gain(worth, expected > judge.most, _reason(worst_scores(scores)))
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
