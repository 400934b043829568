"""A candidate on its worst photo once more: which stage causes the error, and pictures of it."""

from collections.abc import Sequence
from typing import Any

from ..bundle import Bundle
from ..report.evidence import Evidence, take_evidence
from .attribution import attribute
from .candidates import Candidate, load, roundings, run
from .cases import Case
from .reference_runs import ReferenceRuns
from .result import CandidateResult


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
    pictures: bool,
) -> tuple[dict[str, dict[str, Any]], Evidence | None]:
    """Attribute a candidate's error on its worst photo to the stages, and take pictures.

    Where a backend brackets rounding, the harshest end is explained.

    Returns:
        the scores by stage (see `attribute`) and the pictures; nothing where the candidate never ran.
    """
    worst, sizes = worst_photo(result), list(candidate.entries)
    case = next((c for c in cases if c.index == worst and c.suits(sizes)), None)
    if case is None:
        return {}, None
    runner = load(candidate, bundle, case.size)
    if runner is None:
        return {}, None
    harshest = list(roundings(runner, candidate.entries[case.size]).values())[-1]
    ldi = run(candidate, harshest, case.size, case.photo)
    if ldi is None:
        return {}, None
    reference = references.run(case)
    stages = attribute(
        references.stages(case.size), reference, ldi, references.cameras, references.gains(case)
    )
    if not pictures:
        return stages, None
    return stages, take_evidence(case.index, reference.ldi, ldi, references.cameras)
