"""Where a candidate's error comes from, as far as it can be separated: never guessed, None where unknown.

Four programs run on the candidate's worst photo: the float reference, the quantised reference, the file as it
is written, and the file as a phone's runtime runs it. Each part of the budget is one step between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ...reference.ldi import LDI
from ...reference.render import View
from ..backends.loader import open_literal
from ..bundle import Bundle
from ..ldi_runner import run_program
from ..recipe import RECIPE_PRECISIONS
from .candidates import Candidate
from .ldi_metrics import gap_weight, weighted_iou
from .oracle import OracleRuns
from .reference_runs import ReferenceRun, ReferenceRuns
from .scores import psnr
from .tensors import compare_tensors
from .views import render_views

PARTS = ("quantization", "conversion", "kernels")
DATA_RANGE = 1.0
# An 8-bit output would have this many steps between the least and the largest value of its plane.
STEPS = 255

NOT_QUANTISED = "nothing is quantised"
NO_ORACLE = "palettes have no torch program: their error is within conversion"
ONLY_SIMULATED = "Core ML itself does not run here: the evaluator is the file as it is written"
NEVER_RAN = "the file was run on no photo"


@dataclass(frozen=True)
class Seen:
    """What one program makes of the photo: its layers and their views (None where they are not finite)."""

    ldi: LDI
    views: Sequence[View] | None


def empty_budget(reason: str = NEVER_RAN) -> dict[str, Any]:
    """Return a budget of which no part was measured."""
    return {**dict.fromkeys(PARTS), "photo": None, "unmeasured": dict.fromkeys(PARTS, reason)}


def measure_budget(
    bundle: Bundle,
    candidate: Candidate,
    reference: ReferenceRun,
    shown: LDI,
    references: ReferenceRuns,
    oracles: OracleRuns,
) -> dict[str, Any]:
    """Return the error budget of a candidate on one photo.

    Args:
        bundle: that the candidate is of.
        candidate: its file of the photo's size runs.
        reference: the float reference's run of the photo.
        shown: the candidate's layers, as the phone's runtime made them.
        references, oracles: of the bundle.

    Returns:
        `photo`, its index; `quantization` (float torch → quantised torch), `conversion` (that → the file as
        it is written), `kernels` (that → the file as run), each None or what `difference` gives;
        `unmeasured`, why, for each part that is None. A precision without a quantised torch program has its
        rounding within `conversion`, which then says so in `includes`. Of a simulated fp16 file `rounding`:
        what rounding inside sums, too, adds to `conversion`.
    """
    case = reference.case
    budget: dict[str, Any] = empty_budget()
    budget["photo"], why = case.index, budget["unmeasured"]
    before = Seen(reference.ldi, reference.views)
    if candidate.precision in RECIPE_PRECISIONS:
        try:
            oracle = oracles.run(case, candidate.precision)
        except InputError as error:
            return {**budget, "unmeasured": dict.fromkeys(PARTS, str(error))}
        after = Seen(oracle.ldi, oracle.views)
        budget["quantization"] = difference(before, after)
        before = after
    else:
        palettes = candidate.precision in ("p4", "p6")
        why["quantization"] = NO_ORACLE if palettes else NOT_QUANTISED
    entry = candidate.entries[case.size]
    try:
        runner = open_literal(bundle.path(entry), entry)
        ldi = LDI.from_tensors(run_program(runner, entry, case.photo))
    except (InputError, MissingExtraError, BackendUnavailableError) as error:
        why["conversion"] = why["kernels"] = str(error)
        return _told(budget)
    literal = Seen(ldi, render_views(ldi, references.cameras))
    budget["conversion"] = difference(before, literal)
    included = {"fp16": "fp16 rounding", "p4": "palettes", "p6": "palettes"}.get(candidate.precision)
    if included:
        budget["conversion"]["includes"] = [included]
    run = difference(literal, Seen(shown, render_views(shown, references.cameras)))
    if candidate.simulated:
        why["kernels"] = ONLY_SIMULATED
        if candidate.precision == "fp16":
            budget["rounding"] = run
    else:
        budget["kernels"] = run
    return _told(budget)


def _told(budget: dict[str, Any]) -> dict[str, Any]:
    reasons = {part: why for part, why in budget["unmeasured"].items() if budget[part] is None}
    return {**budget, "unmeasured": reasons}


def difference(before: Seen, after: Seen) -> dict[str, Any]:
    """Return how far one step takes a photo's result.

    Returns:
        `tensors`: of colour and disparity, `max_abs`, `mean_abs`, `sqnr_db` (see `compare_tensors`);
        `steps`: at each network's output, `max` and `mean` of the change in 8-bit steps of that output (a
        step is the width of its range before, over 255): `depth`, the disparity of layer 0;
        `inpaint_disparity` and `inpaint_color`, of the hidden layers; None where the output is constant.
        `ldi`: `gap_iou`, of the worst hidden layer, None without one. `views`: `psnr` (dB) of the worst view,
        None where a value is not finite.
    """
    tensors = {}
    for name in ("color", "disparity"):
        scores = compare_tensors(getattr(before.ldi, name), getattr(after.ldi, name), DATA_RANGE, name)
        tensors[name] = {key: scores[key] for key in ("max_abs", "mean_abs", "sqnr_db")}
    planes = {
        "depth": (before.ldi.disparity[:1], after.ldi.disparity[:1]),
        "inpaint_disparity": (before.ldi.disparity[1:], after.ldi.disparity[1:]),
        "inpaint_color": (before.ldi.color[1:], after.ldi.color[1:]),
    }
    ious = [
        weighted_iou(gap_weight(before.ldi, layer), gap_weight(after.ldi, layer))
        for layer in range(1, before.ldi.layers)
    ]
    seen = None
    if before.views is not None and after.views is not None:
        pairs = zip(before.views, after.views, strict=True)
        seen = min(psnr(b.rgb, a.rgb, DATA_RANGE) for b, a in pairs)
    return {
        "tensors": tensors,
        "steps": {name: in_steps(*pair) for name, pair in planes.items() if pair[0].size},
        "ldi": {"gap_iou": min(ious, default=None)},
        "views": {"psnr": seen},
    }


def in_steps(before: np.ndarray, after: np.ndarray) -> dict[str, float] | None:
    """Return the largest and mean change of a plane in 8-bit steps of its range; None where it has none."""
    width = float(before.max()) - float(before.min())
    if not width > 0:
        return None
    change = np.abs(after.astype(np.float64) - before) * (STEPS / width)
    return {"max": float(change.max()), "mean": float(change.mean())}
