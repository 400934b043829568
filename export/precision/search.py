"""`--precision auto`: the smallest and fastest mixture of int8 and float layers that is inside the gates."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...reference.errors import InputError
from ...reference.progress import track
from ...reference.quantized.recipe import Recipe
from ...runtime.parity.gates import DEFAULT_GATES
from .allowance import all_used, check_limits, most_used, worst_scores
from .cost import FLOAT_MAC, Cost, total_cost
from .pareto import pareto_front
from .sensitivity import only, scores_on_all
from .strategy import fewest_float
from .workbench import Depth, Scores, Workbench

MARGIN = 0.1
"""Share of what each gate allows that the search leaves unused: other photos are harder than those it saw."""

# So that one metric that uses infinitely much does not hide what the others do.
_MOST_COUNTED = 100.0


@dataclass(frozen=True)
class SearchPoint:
    """One mixture that was tried.

    Attributes:
        label: in words.
        float_layers: that it leaves float beside those that always are, as "STAGE/LAYER".
        bytes, cost: see `cost.Cost`.
        view_psnr, gap_iou: worst photo of those judged; None where not measured.
        used: largest share of a gate's allowance, worst photo of those judged; 1 is the limit.
        photos: how many were judged; fewer than all where the first ones already failed.
        passed: inside all gates on all photos, the margin included.
    """

    label: str
    float_layers: tuple[str, ...]
    bytes: int
    cost: float
    view_psnr: float | None
    gap_iou: float | None
    used: float
    photos: int
    passed: bool


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
    adds to an overlap is lost, and often negative.)

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
    judge = _Judge(bench, limits, 1 - margin, float_mac)
    gains: dict[str, _Gain] = {}
    if judge.passes(frozenset()):
        chosen, passed = frozenset[str](), True
    else:
        gains = _gains(bench, judge, allowed)
        order = sorted(allowed, key=lambda layer: -gains[layer].per_cost)
        chosen, passed = fewest_float(order, judge.passes)
    if not passed:
        chosen = min(judge.points, key=lambda layers: judge.points[layers].used)
    reasons = {layer: gains[layer].reason for layer in allowed if layer in chosen}
    recipe = replace(bench.recipe, networks=bench.int8(reasons))
    points = tuple(judge.points.values())
    return SearchResult(
        recipe, judge.points[chosen], passed, margin, dict(limits), float_mac, bench.photos, points
    )


class _Judge:
    """Judges mixtures, each once."""

    def __init__(self, bench: Workbench, limits: Mapping[str, float], most: float, float_mac: float) -> None:
        self.bench = bench
        self.limits = limits
        self.points: dict[frozenset[str], SearchPoint] = {}
        self.worst_at_first: Scores = {}
        self.costs = bench.costs
        self.float_mac = float_mac
        self.most = most
        self.needs_views = any(metric.startswith("views.") for metric in limits)
        # Photos that used most of the allowance before are judged first: they are the first to fail.
        self._hardest = list(range(len(bench.photos)))

    def passes(self, layers: frozenset[str], answer_only: bool = False) -> bool:
        """Say whether the gates are passed with these layers float."""
        if layers not in self.points:
            self.points[layers] = self._judge(layers, answer_only)
        return self.points[layers].passed

    def cost(self, layers: Collection[str]) -> Cost:
        """Return what a mixture costs."""
        return total_cost(self.costs, self.bench.int8(dict.fromkeys(layers, "")), self.float_mac)

    def total(self, scores: Scores) -> float:
        """Return what all metrics together use of their allowance."""
        return sum(min(share, _MOST_COUNTED) for share in all_used(scores, self.limits).values())

    def _judge(self, layers: frozenset[str], answer_only: bool) -> SearchPoint:
        networks = self.bench.int8(dict.fromkeys(layers, ""))
        found: dict[int, Scores] = {}
        for photo in self._hardest:
            found[photo] = self._scores(networks, photo, answer_only)
            if answer_only and self._share(found[photo]) > self.most:
                break
        shares = {photo: self._share(scores) for photo, scores in found.items()}
        self._hardest.sort(key=lambda photo: -shares.get(photo, 0.0))
        worst = worst_scores(list(found.values()))
        self.worst_at_first = self.worst_at_first or worst
        share = max(shares.values())
        cost = total_cost(self.costs, networks, self.float_mac)
        return SearchPoint(
            _label(len(layers), len(self.points)),
            tuple(layer for layer in self.bench.layers if layer in layers),
            cost.bytes,
            cost.macs,
            worst.get("views.psnr"),
            worst.get("ldi.gap_iou"),
            share,
            len(found),
            len(found) == len(self.bench.photos) and share <= self.most,
        )

    def _share(self, scores: Scores) -> float:
        return most_used(scores, self.limits)

    def _scores(self, networks: Any, photo: int, answer_only: bool) -> Scores:
        """Score one photo; what is costly only where what is cheap has not failed, or figures are wanted."""
        scores = self.bench.score(networks, photo, Depth.LAYERS)
        if not self.needs_views or (answer_only and self._share(scores) > self.most):
            return scores
        scores = self.bench.score(networks, photo, Depth.VIEWS)
        if "views.flip" in self.limits and self._share(scores) <= self.most:
            scores = self.bench.score(networks, photo, Depth.FLIP)
        return scores


@dataclass(frozen=True)
class _Gain:
    """What leaving one layer float is good for: by its cost, and in words."""

    per_cost: float
    reason: str


def _gains(bench: Workbench, judge: _Judge, layers: Collection[str]) -> dict[str, _Gain]:
    """Make each layer alone int8 and measure how much of the allowance that uses."""
    failing = all_used(judge.worst_at_first, judge.limits)
    # Views cost most of the time: only where it is they that fail.
    views = any(metric.startswith("views.") and share > judge.most for metric, share in failing.items())
    whole = judge.cost(())
    found = {}
    for layer in track(layers, "measuring layers", len(layers)):
        scores = scores_on_all(bench, only(bench, layer), Depth.VIEWS if views else Depth.LAYERS)
        # The errors of layers are taken as independent of each other, so that their squares add.
        gain = sum(judge.total(score) ** 2 for score in scores) / len(scores)
        cost = judge.cost((layer,))
        added = (cost.bytes - whole.bytes) / whole.bytes + (cost.macs - whole.macs) / whole.macs
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
    return f"left float by the search: with it alone in int8 the worst photo has {', '.join(parts)}"


def _label(count: int, number: int) -> str:
    return f"{number}: all int8" if not count else f"{number}: {count} layer{'s' * (count > 1)} float"


def _plain(point: SearchPoint) -> dict[str, Any]:
    return {name: _finite(value) for name, value in asdict(point).items()}


def _finite(value: Any) -> Any:
    """Return None for what JSON has no number for."""
    return None if isinstance(value, float) and value - value != 0 else value
