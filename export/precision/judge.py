"""Mixtures of int8 and float layers, judged on a workbench's photos, each once."""

import logging
import math
from collections.abc import Collection, Mapping
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
        view_psnr: worst photo; None where not measured on all.
        gap_iou: worst photo of those judged; None where not measured.
        used: largest share of a gate's allowance, worst photo of those judged; 1 is the limit.
        expected: share that other photos may use: `spread` times the root mean square of the photos' shares;
            a lower bound of it where not all were judged.
        photos: how many were judged; fewer than all where the first ones already failed.
        judged: how far all of them were: "layers", "views" or "flip" (views, and ꟻLIP of them).
        passed: inside the gates of that level on all photos, with what is expected of others, the margin
            included.
    """

    label: str
    float_layers: tuple[str, ...]
    weight_only_layers: tuple[str, ...]
    bytes: int
    cost: float
    view_psnr: float | None
    gap_iou: float | None
    used: float
    expected: float
    photos: int
    judged: str
    passed: bool

    @property
    def most(self) -> float:
        """What is held against the gates: the worst of these photos, or what is expected of others."""
        return max(self.used, self.expected)


class Judge:
    """Judges mixtures, each once.

    ꟻLIP takes three times as long as all else and on photos it seldom fails first: it is left out until a
    mixture is to be confirmed, and part of every judgement from then on.

    Args:
        bench: the photos and the recipe.
        limits: by metric.
        most: share of a gate's allowance that may be used.
        spread: see `SearchPoint.expected`.
        float_mac: cost of a float multiply-accumulate in int8 ones.

    Attributes:
        points: every mixture that was judged, in order.
        worst_at_first: worst scores of the first of them.
    """

    def __init__(
        self, bench: Workbench, limits: Mapping[str, float], most: float, spread: float, float_mac: float
    ) -> None:
        self.bench = bench
        self.limits = limits
        self.most = most
        self.spread = spread
        self.points: dict[Mixture, SearchPoint] = {}
        self.worst_at_first: Scores = {}
        self._costs = bench.costs
        self._float_mac = float_mac
        views = any(metric.startswith("views.") for metric in limits)
        self._level = Depth.VIEWS if views else Depth.LAYERS
        # Photos that used most of the allowance before are judged first: they are the first to fail.
        self._hardest = list(range(len(bench.photos)))

    def passes(self, mixture: Mixture, answer_only: bool = False) -> bool:
        """Say whether a mixture passes the gates; see `strategy.Test` for `answer_only`."""
        before = self.points.get(mixture)
        if before is None or (before.passed and Depth[before.judged.upper()] < self._level):
            label = _label(mixture, len(self.points)) if before is None else before.label
            point = self.points[mixture] = self._judge(mixture, label, answer_only)
            logger.info(
                "%s: %d bytes, %.0f %% of the gates' allowance used, %.0f %% expected on other photos",
                point.label,
                point.bytes,
                100 * point.used,
                100 * point.expected,
            )
        return self.points[mixture].passed

    def confirms(self, mixture: Mixture) -> bool:
        """Say whether a mixture passes all gates; from now on `passes` judges by all of them too."""
        if "views.flip" in self.limits:
            self._level = Depth.FLIP
        return self.passes(mixture)

    def cost(self, mixture: Mixture) -> Cost:
        """Return what a mixture costs."""
        return self._cost(self._networks(mixture))

    def total(self, scores: Scores) -> float:
        """Return what all metrics together use of their allowance."""
        return sum(min(share, _MOST_COUNTED) for share in all_used(scores, self.limits).values())

    def share(self, scores: Scores) -> float:
        """Return the largest share of its allowance that a metric uses."""
        return most_used(scores, self.limits)

    def expected(self, shares: Collection[float], photos: int) -> float:
        """Return what other photos may use, see `SearchPoint`, after some of `photos` were judged."""
        return self.spread * math.sqrt(sum(share**2 for share in shares) / photos) if self.spread else 0.0

    def _networks(self, mixture: Mixture) -> dict[str, NetworkRecipe]:
        return self.bench.int8(dict.fromkeys(mixture.left_float, ""), dict.fromkeys(mixture.weight_only, ""))

    def _cost(self, networks: Mapping[str, NetworkRecipe]) -> Cost:
        return total_cost(self._costs, networks, self._float_mac)

    def _judge(self, mixture: Mixture, label: str, answer_only: bool) -> SearchPoint:
        networks, photos = self._networks(mixture), len(self.bench.photos)
        found: dict[int, Scores] = {}
        shares: dict[int, float] = {}
        for photo in self._hardest:
            found[photo] = self._scores(networks, photo, answer_only)
            shares[photo] = self.share(found[photo])
            if answer_only and max(shares[photo], self.expected(shares.values(), photos)) > self.most:
                break
        self._hardest.sort(key=lambda photo: -shares.get(photo, 0.0))
        worst = worst_scores(list(found.values()))
        self.worst_at_first = self.worst_at_first or worst
        used, expected = max(shares.values()), self.expected(shares.values(), photos)
        level = min(_level(scores) for scores in found.values())
        whole = len(found) == photos
        cost = self._cost(networks)
        return SearchPoint(
            label,
            tuple(layer for layer in self.bench.layers if layer in mixture.left_float),
            tuple(
                f"{stage}/{layer}"
                for stage, network in networks.items()
                for layer in network.weights
                if layer in network.weight_only_layers
            ),
            cost.bytes,
            cost.macs,
            worst["views.psnr"] if whole and level >= Depth.VIEWS else None,
            worst.get("ldi.gap_iou"),
            used,
            expected,
            len(found),
            level.name.lower(),
            whole and max(used, expected) <= self.most,
        )

    def _scores(self, networks: Networks, photo: int, answer_only: bool) -> Scores:
        """Score one photo; what is costly only where what is cheap has not failed, or figures are wanted."""

        def enough(level: Depth, scores: Scores) -> bool:
            return (answer_only or level == Depth.VIEWS) and self.share(scores) > self.most

        return self.bench.score(networks, photo, self._level, enough)


def _level(scores: Scores) -> Depth:
    """Return how far a photo was scored."""
    if "views.psnr" not in scores:
        return Depth.LAYERS
    return Depth.FLIP if "views.flip" in scores else Depth.VIEWS


def _label(mixture: Mixture, number: int) -> str:
    wholly, light = len(mixture.left_float), len(mixture.weight_only)
    parts = [f"{wholly} layer{'s' * (wholly > 1)} float"] if wholly else []
    parts += [f"{light} in int8 weights alone"] if light else []
    return f"{number}: {', '.join(parts) or 'all int8'}"
