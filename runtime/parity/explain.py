"""A candidate on its worst photo once more: which stage causes the error, and pictures of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ...reference.errors import InputError
from ...reference.ldi import LDI
from ..bundle import Bundle
from ..recipe import RECIPE_PRECISIONS
from ..report.evidence import Evidence, take_evidence
from .aggregate import aggregate
from .attribution import attribute, cause
from .budget import PARTS, measure_budget
from .candidates import Candidate, load, roundings, run
from .cases import Case
from .layers import LayerScore, score_layers, told
from .oracle import OracleRuns
from .reference_runs import ReferenceRun, ReferenceRuns
from .result import FAIL, CandidateResult
from .views import compare_views, render_views

FLIP = ("flip", "flip_disoccluded")
# Layers that are named in a reason; more of them are in `layers`.
NAMED = 3
NETWORK_OF_STAGE = {"depth": "depth", "inpainting": "inpaint"}


def worst_photo(result: CandidateResult) -> int | None:
    """Return the photo that tells most: of the first failed gate, else of the lowest view PSNR."""
    failed = [gate.worst_photo for gate in result.gates if not gate.passed and gate.worst_photo is not None]
    return failed[0] if failed else result.views.get("psnr", {}).get("worst_photo")


def explain(
    bundle: Bundle,
    candidate: Candidate,
    result: CandidateResult,
    cases: Sequence[Case],
    references: ReferenceRuns,
    oracles: OracleRuns,
    pictures: bool,
) -> tuple[CandidateResult, Evidence | None]:
    """Attribute a candidate's error on its worst photo to the stages, and take pictures.

    Where a backend brackets rounding, the harshest end is explained.

    Returns:
        the result with scores by stage (see `attribute`), the error budget, the layers that lose most by
        rounding, and with ꟻLIP of this photo where no gate had it measured on all; and the pictures. The
        result as it was where the candidate never ran.
    """
    worst, sizes = worst_photo(result), list(candidate.entries)
    case = next((c for c in cases if c.index == worst and c.suits(sizes)), None)
    if case is None:
        return result, None
    runner = load(candidate, bundle, case.size)
    if runner is None:
        return result, None
    harshest = list(roundings(runner, candidate.entries[case.size]).values())[-1]
    ldi = run(candidate, harshest, case.size, case.photo)
    if ldi is None:
        return result, None
    reference = references.run(case)
    stages = attribute(
        references.stages(case.size), reference, ldi, references.cameras, references.gains(case)
    )
    budget = measure_budget(bundle, candidate, reference, ldi, references, oracles)
    layers = _layers(candidate, case, references, oracles)
    explained = replace(
        result,
        stages=stages,
        views={**result.views, **_flip(result, reference, ldi, references)},
        error_budget=budget,
        layers=told(layers),
    )
    if explained.verdict == FAIL and not explained.faults and layers and costs_most(budget) == "quantization":
        blamed = NETWORK_OF_STAGE.get(cause(stages) or "")
        own = [layer for layer in layers if layer.network == blamed] or layers
        worst_layers = "; ".join(str(layer) for layer in own[:NAMED])
        explained = replace(explained, reason=f"quantisation itself costs most; worst layers: {worst_layers}")
    taken = take_evidence(case.index, reference.ldi, ldi, references.cameras) if pictures else None
    return explained, taken


def costs_most(budget: Mapping[str, Any]) -> str | None:
    """Return the part of an error budget with the lowest view PSNR, None where none was measured."""
    views = {
        part: budget[part]["views"]["psnr"]
        for part in PARTS
        if budget[part] is not None and budget[part]["views"]["psnr"] is not None
    }
    return min(views, key=lambda part: views[part], default=None)


def _layers(
    candidate: Candidate, case: Case, references: ReferenceRuns, oracles: OracleRuns
) -> list[LayerScore]:
    if candidate.precision not in RECIPE_PRECISIONS:
        return []
    try:
        recipe = oracles.recipe
    except InputError:
        return []  # the gate on its scales says why
    photo = torch.from_numpy(case.photo)
    return score_layers(references.program(case.size), recipe, candidate.precision, photo)


def _flip(
    result: CandidateResult, reference: ReferenceRun, ldi: LDI, references: ReferenceRuns
) -> dict[str, dict[str, Any]]:
    """Return ꟻLIP of one photo, as aggregated scores, unless it was measured on all."""
    if result.views.get("flip", {}).get("photos"):
        return {}
    scores = compare_views(reference.views, render_views(ldi, references.cameras), references.cameras)
    found = aggregate([scores])
    return {
        name: {**found[name], "worst_photo": reference.case.index} for name in FLIP if found[name]["photos"]
    }
