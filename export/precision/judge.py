"""Mixtures of int8 and float layers, judged on a workbench's photos, each once."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...reference.quantized.recipe import NetworkRecipe
from .allowance import all_used, most_used, worst_scores
from .cost import Cost, total_cost
from .workbench import Depth, Networks, Scores, Workbench

logger = logging.getLogger(__name__)

# So that one metric that uses infinitely much does not hide what the others do.
_MOST_COUNTED = 100.0


@dataclass(frozen=True)
class Mixture:
    """Which int8 layers of a recipe compute in float, as "STAGE/LAYER".

    Attributes:
        left_float: wholly.
        weight_only: but for their weight, which stays int8; none of `left_float`.
    """

    left_float: frozenset[str] = field(default_factory=frozenset)
    weight_only: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class SearchPoint:
    """One mixture that was tried.

    Attributes:
        label: in words.
        float_layers: that it leaves wholly float beside those that always are, as "STAGE/LAYER".
        weight_only_layers: that compute in float with an int8 weight, those of the recipe included.
        bytes, cost: see `cost.Cost`.
        view_psnr, gap_iou: worst photo of those judged; None where not measured.
        used: largest share of a gate's allowance, worst photo of those judged; 1 is the limit.
        photos: how many were judged; fewer than all where the first ones already failed.
        passed: inside all gates on all photos, the margin included.
    """

    label: str
    float_layers: tuple[str, ...]
    weight_only_layers: tuple[str, ...]
    bytes: int
    cost: float
    view_psnr: float | None
    gap_iou: float | None
    used: float
    photos: int
    passed: bool


class Judge:
    """Judges mixtures, each once.

    Args:
        bench: the photos and the recipe.
        limits: by metric.
        most: share of a gate's allowance that may be used.
        float_mac: cost of a float multiply-accumulate in int8 ones.

    Attributes:
        points: every mixture that was judged, in order.
        worst_at_first: worst scores of the first of them.
    """

    def __init__(self, bench: Workbench, limits: Mapping[str, float], most: float, float_mac: float) -> None:
        self.bench = bench
        self.limits = limits
        self.most = most
        self.points: dict[Mixture, SearchPoint] = {}
        self.worst_at_first: Scores = {}
        self._costs = bench.costs
        self._float_mac = float_mac
        self._needs_views = any(metric.startswith("views.") for metric in limits)
        # Photos that used most of the allowance before are judged first: they are the first to fail.
        self._hardest = list(range(len(bench.photos)))

    def passes(self, mixture: Mixture, answer_only: bool = False) -> bool:
        """Say whether a mixture passes the gates; see `strategy.Test` for `answer_only`."""
        if mixture not in self.points:
            point = self.points[mixture] = self._judge(mixture, answer_only)
            logger.info(
                "%s: %d bytes, %.0f %% of the gates' allowance used",
                point.label,
                point.bytes,
                100 * point.used,
            )
        return self.points[mixture].passed

    def cost(self, mixture: Mixture) -> Cost:
        """Return what a mixture costs."""
        return self._cost(self._networks(mixture))

    def total(self, scores: Scores) -> float:
        """Return what all metrics together use of their allowance."""
        return sum(min(share, _MOST_COUNTED) for share in all_used(scores, self.limits).values())

    def _networks(self, mixture: Mixture) -> dict[str, NetworkRecipe]:
        return self.bench.int8(dict.fromkeys(mixture.left_float, ""), dict.fromkeys(mixture.weight_only, ""))

    def _cost(self, networks: Mapping[str, NetworkRecipe]) -> Cost:
        return total_cost(self._costs, networks, self._float_mac)

    def _judge(self, mixture: Mixture, answer_only: bool) -> SearchPoint:
        networks = self._networks(mixture)
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
        cost = self._cost(networks)
        return SearchPoint(
            _label(mixture, len(self.points)),
            tuple(layer for layer in self.bench.layers if layer in mixture.left_float),
            tuple(
                f"{stage}/{layer}"
                for stage, network in networks.items()
                for layer in network.weights
                if layer in network.weight_only_layers
            ),
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

    def _scores(self, networks: Networks, photo: int, answer_only: bool) -> Scores:
        """Score one photo; what is costly only where what is cheap has not failed, or figures are wanted."""
        scores = self.bench.score(networks, photo, Depth.LAYERS)
        if not self._needs_views or (answer_only and self._share(scores) > self.most):
            return scores
        scores = self.bench.score(networks, photo, Depth.VIEWS)
        if "views.flip" in self.limits and self._share(scores) <= self.most:
            scores = self.bench.score(networks, photo, Depth.FLIP)
        return scores


def _label(mixture: Mixture, number: int) -> str:
    wholly, light = len(mixture.left_float), len(mixture.weight_only)
    parts = [f"{wholly} layer{'s' * (wholly > 1)} float"] if wholly else []
    parts += [f"{light} in int8 weights alone"] if light else []
    return f"{number}: {', '.join(parts) or 'all int8'}"
