"""Photos on which many variants of a quantised pipeline are compared with its float reference, quickly.

What all variants share is prepared once a photo: the reference's layers and views, and of the first photos
the depth network's float and int8 activations. A variant then computes only what differs from those.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import torch
from torch import fx

from ...reference.errors import InputError
from ...reference.ldi import LDI
from ...reference.pipeline import as_ldi
from ...reference.program import PhotoToLDI
from ...reference.progress import track
from ...reference.quantized.program import (
    GraphDepth,
    GraphInpaint,
    load_graph_weights,
    network_graphs,
    with_networks,
)
from ...reference.quantized.recipe import STAGES, NetworkRecipe, Recipe
from ...reference.render import Camera, View, parity_cameras
from ...runtime.parity.ldi_metrics import gap_weight, weighted_iou
from ...runtime.parity.scores import decibels, nonfinite, psnr
from ...runtime.parity.views import DATA_RANGE, FEWEST_PIXELS, flip_map, render_views
from .cost import LayerCost, layer_costs
from .fake import FakeQuantized, Known, leave_float

Build = Callable[[int, int], PhotoToLDI]
"""From height and width to the float program of that size."""

Networks = Mapping[str, NetworkRecipe | None]
"""By "depth" and "inpaint": how a network is rounded; None is float."""

Scores = dict[str, float | None]
"""By metric, named as the gates name it; `depth.mean_abs` is the mean error of disparity."""

REMEMBERED = 8
"""Photos, the first ones, whose activations are kept in memory: some 300 MB each at 384×512."""


class Depth(IntEnum):
    """How far a variant is scored: each level costs several times what the one before does."""

    DISPARITY = 0
    LAYERS = 1
    VIEWS = 2
    FLIP = 3


Enough = Callable[[Depth, Scores], bool]
"""Says of a level and the scores up to it that no further level is wanted."""


# Of each camera the reference's view and the variant's.
_Pairs = list[tuple[View, View]]


@dataclass
class _Prepared:
    """A photo and what the reference makes of it."""

    name: str
    photo: torch.Tensor
    ldi: LDI
    known: Known = field(default_factory=dict)
    views: list[View] | None = None


@dataclass(frozen=True)
class _Networks:
    """A size's traced networks, with the weights of the recipe, and a program to put variants into."""

    graphs: dict[str, fx.GraphModule]
    program: PhotoToLDI


class Workbench:
    """See the module.

    Args:
        build: gives the float reference of any size.
        recipe: of the pipeline, with all layers int8 that may be.
        photos: name and tensor (1, 3, H, W) of each; none of those that verify.
        weights: the repaired weights of the recipe, by "NETWORK.PARAMETER".
        cameras: that views are rendered from; `parity_cameras()` when None.

    Raises:
        InputError: there is no photo, or the recipe or the weights are of another pipeline.
    """

    def __init__(
        self,
        build: Build,
        recipe: Recipe,
        photos: Iterable[tuple[str, torch.Tensor]],
        weights: Mapping[str, torch.Tensor] | None = None,
        cameras: Sequence[Camera] | None = None,
    ) -> None:
        self.recipe = recipe
        self._build = build
        self._weights = weights
        self._programs: dict[tuple[int, int], PhotoToLDI] = {}
        self._sizes: dict[tuple[int, int], _Networks] = {}
        self._cameras = parity_cameras() if cameras is None else cameras
        self._photos = [
            self._prepare(name, photo, index < REMEMBERED)
            for index, (name, photo) in enumerate(track(photos, "preparing photos"))
        ]
        if not self._photos:
            raise InputError("no photo to compare precisions on: give at least one that does not verify")

    @property
    def photos(self) -> tuple[str, ...]:
        """Names of the photos."""
        return tuple(photo.name for photo in self._photos)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that the recipe has as int8, as "STAGE/LAYER", in the networks' order."""
        return tuple(f"{stage}/{layer}" for stage in STAGES for layer in self.recipe.network(stage).weights)

    @property
    def costs(self) -> dict[str, LayerCost]:
        """The cost of every layer, as "STAGE/LAYER", at the first photo's size."""
        size = self._size(self._photos[0].photo)
        runs = {"depth": 1, "inpaint": size.program.layers - 1}
        return {
            f"{stage}/{layer}": cost
            for stage, graph in size.graphs.items()
            for layer, cost in layer_costs(graph, runs[stage]).items()
        }

    def int8(
        self, left_float: Mapping[str, str] | None = None, weight_only: Mapping[str, str] | None = None
    ) -> dict[str, NetworkRecipe]:
        """Return how the networks are rounded when some layers are left float.

        Args:
            left_float: layers, as "STAGE/LAYER", with the reason.
            weight_only: likewise, layers that compute in float and keep an int8 weight.

        Raises:
            InputError: one is not an int8 layer of the recipe, or is named in both.
        """
        wholly, light = _by_stage(left_float or {}), _by_stage(weight_only or {})
        graphs = self._size(self._photos[0].photo).graphs
        return {
            stage: leave_float(graphs[stage], self.recipe.network(stage), wholly[stage], light[stage])
            for stage in STAGES
        }

    def score(
        self, networks: Networks, photo: int, level: Depth = Depth.LAYERS, enough: Enough | None = None
    ) -> Scores:
        """Compare a variant with the reference on one photo.

        Args:
            networks: of the variant, from `int8`.
            photo: index.
            level: how far.
            enough: asked after LAYERS and after VIEWS whether to stop there.

        Returns:
            `depth.mean_abs`; from LAYERS on `ldi.gap_iou`, worst hidden layer, and `ldi.order_violations`;
            from VIEWS on `views.psnr` and `views.psnr_disoccluded`, worst view (None where nothing is
            uncovered); at FLIP `views.flip`. Scores of layers that are not finite are NaN.
        """
        prepared = self._photos[photo]
        size = self._size(prepared.photo)
        disparity = self._disparity(size, networks["depth"], prepared)
        wanted = torch.from_numpy(prepared.ldi.disparity[:1])
        scores: Scores = {"depth.mean_abs": float((disparity - wanted).abs().mean())}
        if level == Depth.DISPARITY:
            return scores
        size.program.inpainting.network = GraphInpaint(
            FakeQuantized(size.graphs["inpaint"], networks["inpaint"])  # type: ignore[arg-type]
        )
        with torch.no_grad():
            ldi = as_ldi(size.program.layer(prepared.photo, disparity))
        scores.update(_layer_scores(prepared.ldi, ldi))
        if level == Depth.LAYERS or (enough is not None and enough(Depth.LAYERS, scores)):
            return scores
        pairs = self._views(prepared, ldi)
        scores.update(_view_scores(pairs))
        if level == Depth.VIEWS or (enough is not None and enough(Depth.VIEWS, scores)):
            return scores
        scores["views.flip"] = _flip(pairs)
        return scores

    def _disparity(self, size: _Networks, recipe: NetworkRecipe | None, prepared: _Prepared) -> torch.Tensor:
        network = FakeQuantized(size.graphs["depth"], recipe)
        network.known = prepared.known
        normalised = bool(size.program.depth.network.normalised)
        size.program.depth.network = GraphDepth(network, normalised)  # type: ignore[arg-type]
        with torch.no_grad():
            disparity: torch.Tensor = size.program.depth(prepared.photo)
        return disparity

    def _prepare(self, name: str, photo: torch.Tensor, remembered: bool) -> _Prepared:
        size = self._size(photo)
        reference = self._programs[int(photo.shape[-2]), int(photo.shape[-1])]
        with torch.no_grad():
            prepared = _Prepared(name, photo, as_ldi(reference(photo)))
        if not remembered:
            return prepared
        for recipe in (None, self.recipe.network("depth")):
            network = FakeQuantized(size.graphs["depth"], recipe)
            network.known = prepared.known
            network.learn(photo)
        return prepared

    def _size(self, photo: torch.Tensor) -> _Networks:
        height, width = (int(n) for n in photo.shape[-2:])
        if (height, width) not in self._sizes:
            program = self._programs[height, width] = self._build(height, width)
            graphs = network_graphs(program, height, width)
            if self._weights is not None:
                for stage, graph in graphs.items():
                    load_graph_weights(graph, stage, self._weights)
            self._sizes[height, width] = _Networks(graphs, with_networks(program, {}))
        return self._sizes[height, width]

    def _views(self, prepared: _Prepared, ldi: LDI) -> _Pairs | None:
        """Return the reference's and a variant's view of every camera; None where one has none."""
        if prepared.views is None:
            prepared.views = render_views(prepared.ldi, self._cameras)
        views = render_views(ldi, self._cameras)
        if views is None or prepared.views is None:
            return None
        return list(zip(prepared.views, views, strict=True))


def _by_stage(layers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Sort reasons by "STAGE/LAYER" into stages.

    Raises:
        InputError: there is no such stage.
    """
    found: dict[str, dict[str, str]] = {stage: {} for stage in STAGES}
    for name, reason in layers.items():
        stage, _, layer = name.partition("/")
        if stage not in found:
            raise InputError(f"no layer {name!r}: expected depth/LAYER or inpaint/LAYER")
        found[stage][layer] = reason
    return found


def _layer_scores(reference: LDI, candidate: LDI) -> Scores:
    if nonfinite(candidate.disparity) or nonfinite(candidate.occupancy) or nonfinite(candidate.color):
        return {"ldi.gap_iou": np.nan, "ldi.order_violations": np.nan}
    hidden = range(1, reference.layers)
    overlap = [weighted_iou(gap_weight(reference, k), gap_weight(candidate, k)) for k in hidden]
    return {
        "ldi.gap_iou": min(overlap, default=None),
        "ldi.order_violations": float(candidate.order_violations()),
    }


def _view_scores(pairs: _Pairs | None) -> Scores:
    if pairs is None:
        return {"views.psnr": np.nan, "views.psnr_disoccluded": np.nan}
    inside = [score for score in (_disoccluded_psnr(*pair) for pair in pairs) if score is not None]
    return {
        "views.psnr": min(psnr(r.rgb, c.rgb, DATA_RANGE) for r, c in pairs),
        "views.psnr_disoccluded": min(inside, default=None),
    }


def _flip(pairs: _Pairs | None) -> float:
    return np.nan if pairs is None else max(float(flip_map(r.rgb, c.rgb).mean()) for r, c in pairs)


def _disoccluded_psnr(reference: View, candidate: View) -> float | None:
    mask = reference.disoccluded
    if np.count_nonzero(mask) < FEWEST_PIXELS:
        return None
    error = (candidate.rgb[mask].astype(np.float64) - reference.rgb[mask]) ** 2
    return decibels(DATA_RANGE**2, float(error.mean()))
