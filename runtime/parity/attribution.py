"""Which stage causes the error: each reference stage is run on the candidate's own inputs of that stage.

A whole program shows its photo (layer 0's colour), the disparity that its depth stage made, and what layering
and inpainting made of each layer. That is enough to force every stage: what the reference stage gives for the
*candidate's* input, against what the candidate gives, is what the stage **made**; what it gives against the
reference's own run is what it **passed on**. A program does not show what its layering handed to its
inpainting (envelope, source, context): an error there counts as inpainting's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference.ldi import LDI
from ...reference.render import Camera, View
from .ldi_metrics import compare_ldi
from .reference_runs import ReferenceRun
from .scores import MOST_DB, nonfinite
from .stages import STAGES, ReferenceStages
from .views import compare_views, render_views

# Views closer than this are equal: no stage is blamed.
EQUAL_DB = 100.0
# The figures of an LDI comparison that tell a stage's error; the others are for the whole.
LDI_FIGURES = ("gap_iou", "iou", "disparity_l1_layer0", "identity_psnr")
VIEW_FIGURES = ("psnr", "psnr_disoccluded", "ssim")

Planes = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class _Swap:
    """One stage: planes of the reference's own run, forced ones, the candidate's; and LDIs that differ by it.

    Attributes:
        inputs: (reference's, candidate's) inputs of the stage.
        outputs: (reference's, forced, candidate's) outputs of the stage.
        without, with_: LDIs without and with what the stage made.
    """

    inputs: tuple[Planes, Planes]
    outputs: tuple[Planes, Planes, Planes]
    without: LDI
    with_: LDI


def attribute(
    stages: ReferenceStages,
    reference: ReferenceRun,
    candidate: LDI,
    cameras: Sequence[Camera],
    gains: dict[str, dict[str, float]],
) -> dict[str, dict[str, Any]]:
    """Say what each stage of a candidate made and what it passed on, on one photo.

    Args:
        stages: of the reference program.
        reference: its run of the photo.
        candidate: the candidate's layers of the same photo.
        cameras: that views are compared from.
        gains: from `measure_gains`.

    Returns:
        by stage: `change_in` and `change_out`, mean |candidate − reference| of its inputs and outputs; `made`
        and `passed_on`, the two parts of change_out (they add up to at least it); `gain`, see
        `measure_gains`; `views` and `ldi`, the figures of what the stage made by itself; `share` of the
        squared view error of all stages; `cause`, True for the stage with the largest share. Empty when a
        value is not finite: there is then no error to share out.
    """
    if any(nonfinite(plane) for ldi in (reference.ldi, candidate) for plane in ldi.tensors().values()):
        return {}
    rendered: dict[int, list[View] | None] = {}

    def views(ldi: LDI) -> list[View] | None:
        if id(ldi) not in rendered:
            rendered[id(ldi)] = render_views(ldi, cameras)
        return rendered[id(ldi)]

    swaps = _swaps(stages, reference, candidate)  # holds every LDI, so that no id is used twice
    found, power = {}, {}
    for name, swap in swaps.items():
        seen = compare_views(views(swap.without), views(swap.with_), cameras, flip=False)
        scores = compare_ldi(swap.without, swap.with_)
        power[name] = float(np.mean([_power(view["psnr"]) for view in seen["views"]]))
        found[name] = {
            "change_in": _change(*swap.inputs),
            "change_out": _change(swap.outputs[0], swap.outputs[2]),
            "made": _change(swap.outputs[1], swap.outputs[2]),
            "passed_on": _change(swap.outputs[0], swap.outputs[1]),
            "gain": gains[name],
            "views": {key: seen["worst"][key] for key in VIEW_FIGURES},
            "ldi": {key: scores[key] for key in LDI_FIGURES},
        }
    total = sum(power.values())
    blamed = max(power, key=lambda name: power[name]) if total > 10 ** (-EQUAL_DB / 10) else None
    for name, figures in found.items():
        figures["share"] = power[name] / total if total else 0.0
        figures["cause"] = name == blamed
    return found


def _swaps(stages: ReferenceStages, reference: ReferenceRun, candidate: LDI) -> dict[str, _Swap]:
    """Force each stage from the candidate's own planes."""
    photo, whole = reference.case.photo, reference.ldi
    own_photo = np.ascontiguousarray(candidate.color[:1])
    own_disparity = np.ascontiguousarray(candidate.disparity[:1])
    depth = stages.depth(own_photo)
    from_input = stages.layers(own_photo, depth)
    swaps = {
        "input": _Swap(((photo,), (photo,)), ((photo,), (photo,), (own_photo,)), whole, from_input),
        "depth": _Swap(
            ((photo,), (own_photo,)),
            ((whole.disparity[:1],), (depth,), (own_disparity,)),
            from_input,
            stages.layers(own_photo, own_disparity),
        ),
    }
    occupancy = stages.occupancies(candidate.disparity)
    swaps["layering"] = _Swap(
        ((whole.disparity,), (candidate.disparity,)),
        ((whole.occupancy,), (occupancy,), (candidate.occupancy,)),
        LDI(candidate.color, candidate.disparity, occupancy),
        candidate,
    )
    if candidate.layers > 1:
        color, disparity = stages.inpainted(candidate.color, candidate.disparity)
        swaps["inpainting"] = _Swap(
            (
                (whole.color[:-1], whole.disparity[:-1]),
                (candidate.color[:-1], candidate.disparity[:-1]),
            ),
            (
                (whole.color[1:], whole.disparity[1:]),
                (color[1:], disparity[1:]),
                (candidate.color[1:], candidate.disparity[1:]),
            ),
            LDI(color, disparity, candidate.occupancy),
            candidate,
        )
    return {name: swaps[name] for name in STAGES if name in swaps}


def _power(psnr: float) -> float:
    """Return the mean squared error of a view from its PSNR (range 1.0); none where the views are equal."""
    return 0.0 if psnr >= MOST_DB else float(10 ** (-psnr / 10))


def _change(before: Planes, after: Planes) -> float:
    """Return mean |after − before| over all values of several planes."""
    changes = [np.abs(b.astype(np.float64) - a) for a, b in zip(before, after, strict=True)]
    return float(sum(change.sum() for change in changes) / sum(change.size for change in changes))


def cause(stages: dict[str, dict[str, Any]]) -> str | None:
    """Return the stage that `attribute` blames, or None."""
    return next((name for name, figures in stages.items() if figures["cause"]), None)
