"""Which layers int8 hurts most, measured on photos: each quantised alone, and each left float alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...reference.errors import InputError
from ...reference.progress import track
from ...reference.quantized.recipe import STAGES
from .workbench import Depth, Networks, Scores, Workbench


@dataclass(frozen=True)
class Effect:
    """What a variant costs against the float reference, over all photos.

    Attributes:
        disparity: mean absolute error of disparity, mean of the photos.
        gap_iou: gap-weighted IoU of the worst hidden layer of the worst photo.
        gap_iou_mean: of the worst hidden layer, mean of the photos.
        view_psnr: dB, worst view of the worst photo; None where views were not rendered.
    """

    disparity: float
    gap_iou: float | None
    gap_iou_mean: float | None
    view_psnr: float | None = None


@dataclass(frozen=True)
class LayerEffect:
    """One layer's part in the loss.

    Attributes:
        layer: "STAGE/LAYER".
        quantized_alone: it alone is int8, all others float.
        left_float: it alone is float, all others int8.
    """

    layer: str
    quantized_alone: Effect
    left_float: Effect


@dataclass(frozen=True)
class Sensitivity:
    """Of all layers.

    Attributes:
        photos: names of those it was measured on.
        all_int8: the recipe as it is.
        layers: the one whose return to float mends most disparity first.
    """

    photos: tuple[str, ...]
    all_int8: Effect
    layers: tuple[LayerEffect, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def measure_sensitivity(
    bench: Workbench, layers: Sequence[str] | None = None, views: bool = False
) -> Sensitivity:
    """Measure what each layer does on a workbench's photos.

    Args:
        bench: with a recipe whose layers are int8.
        layers: "STAGE/LAYER"; all int8 layers of both networks when None.
        views: also render views, which takes most of the time.

    Raises:
        InputError: a layer is not an int8 layer of the recipe.
    """
    every = bench.layers
    chosen = every if layers is None else tuple(layers)
    unknown = sorted(set(chosen) - set(every))
    if unknown:
        raise InputError(f"no int8 layer {unknown[0]!r} in the recipe; known: {', '.join(every[:5])}, …")
    level = Depth.VIEWS if views else Depth.LAYERS
    found = []
    for layer in track(chosen, "measuring layers", len(chosen)):
        alone = effect(scores_on_all(bench, only(bench, layer), level))
        left = effect(scores_on_all(bench, bench.int8({layer: "sensitivity"}), level))
        found.append(LayerEffect(layer, alone, left))
    found.sort(key=lambda entry: entry.left_float.disparity)
    whole = effect(scores_on_all(bench, bench.int8(), level))
    return Sensitivity(bench.photos, whole, tuple(found))


def only(bench: Workbench, layer: str, weight_only: bool = False) -> Networks:
    """Return the networks of which one layer ("STAGE/LAYER") alone is int8, or its weight alone."""
    own = layer.partition("/")[0]
    others = {name: "sensitivity" for name in bench.layers if name != layer}
    rounded = bench.int8(others, {layer: "sensitivity"} if weight_only else None)
    return {stage: rounded[stage] if stage == own else None for stage in STAGES}


def scores_on_all(bench: Workbench, networks: Networks, level: Depth) -> list[Scores]:
    """Return a variant's scores on every photo."""
    return [bench.score(networks, photo, level) for photo in range(len(bench.photos))]


def effect(scores: Sequence[Scores]) -> Effect:
    """Gather the scores of all photos."""
    disparity = [score["depth.mean_abs"] for score in scores]
    overlap = [score["ldi.gap_iou"] for score in scores if score.get("ldi.gap_iou") is not None]
    views = [score["views.psnr"] for score in scores if score.get("views.psnr") is not None]
    return Effect(
        _mean(disparity),  # type: ignore[arg-type]
        min(overlap, default=None),  # type: ignore[type-var]
        _mean(overlap),
        min(views, default=None),  # type: ignore[type-var]
    )


def _mean(values: Sequence[float | None]) -> float | None:
    return sum(values) / len(values) if values else None  # type: ignore[arg-type]
