"""Whether a quantised file is the recipe's program: its scales read, its operations run without rounding."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ...reference.ldi import LDI, OUTPUT_NAMES
from ..bundle import Bundle
from ..ldi_runner import run_program
from ..manifest import ModelFile
from ..recipe import RECIPE_PRECISIONS
from ..scales.found import check_scales
from ..scales.readers import read_scales
from .attribution import attribute
from .candidates import Candidate
from .cases import Case
from .oracle import OracleRuns
from .reference_runs import ReferenceRuns
from .result import FAIL, NOT_VERIFIED, PASS, CandidateResult, GateResult
from .stages import ReferenceStages
from .unrounded import open_unrounded

SCALES_GATE = "recipe_scales"
OPERATIONS_GATE = "conversion.p99_abs"

# Of the outputs' range, as for fp32: without rounding there is nothing else that an export may change.
OPERATIONS_LIMIT = 1e-5
# Differences that are named in the reason; all of them are in `faults`.
NAMED = 3

# A part of the check that cannot be done here.
_ABSENT = (MissingExtraError, BackendUnavailableError)


def check_faithful(
    bundle: Bundle,
    candidate: Candidate,
    result: CandidateResult,
    cases: Sequence[Case],
    references: ReferenceRuns,
    oracles: OracleRuns,
) -> CandidateResult:
    """Judge whether the files of an int8 or w8 candidate are what the bundle's recipe says.

    Two gates: `recipe_scales`, how many scales and zero points are not the recipe's; `conversion.p99_abs`,
    how far the file without the rounding of its activations is from the torch program without it, on one
    photo a size.

    Returns:
        the result with both gates and `faults`: each names the network and the tensor or layer, or the stage.
        As it was for other precisions.
    """
    if candidate.precision not in RECIPE_PRECISIONS or not candidate.runs:
        return result
    try:
        recipe = oracles.recipe
    except InputError as error:
        missing = GateResult(SCALES_GATE, 0, None, None, False)
        return _judged(result, [missing], [], str(error))
    faults: list[str] = []
    unknown = ""
    for size, entry in candidate.entries.items():
        where = f"{entry.path}: "
        try:
            found = read_scales(entry.format, bundle.path(entry), oracles.slots(size, candidate.precision))
            differences = check_scales(found, recipe.of(candidate.precision))
            faults += [f"{where}{d.slot.network} network, {d}" for d in differences]
        except InputError as error:
            faults.append(f"{where}its scales cannot be read: {error}")
        except _ABSENT as error:
            unknown = str(error)
    value = None if unknown and not faults else len(faults)
    gates = [GateResult(SCALES_GATE, 0, value, None, value == 0)]
    measured: dict[int, float] = {}
    unrounded = oracles.unrounded(candidate.format, candidate.precision)
    for size, entry in candidate.entries.items():
        case = next((c for c in cases if c.size == size and c.suits(list(candidate.entries))), None)
        if case is None:
            continue
        try:
            ldi = _run_unrounded(bundle, entry, case)
        except (InputError, *_ABSENT) as error:
            faults.append(f"{entry.path}: cannot be run without rounding: {error}")
            continue
        change, fault = _operations(ldi, case, unrounded, references, oracles)
        measured[case.index] = change
        if fault:
            faults.append(f"{entry.path}: {fault}")
    if measured:
        # NaN, which no limit admits, is the worst.
        photo = max(measured, key=lambda index: (np.isnan(measured[index]), measured[index]))
        worst = measured[photo]
        passed = worst <= OPERATIONS_LIMIT
        gates.append(GateResult(OPERATIONS_GATE, OPERATIONS_LIMIT, worst, photo, passed, len(measured)))
    return _judged(result, gates, faults, unknown)


def _run_unrounded(bundle: Bundle, entry: ModelFile, case: Case) -> LDI:
    runner = open_unrounded(bundle.path(entry), entry)
    return LDI.from_tensors(run_program(runner, entry, case.photo))


def _operations(
    ldi: LDI, case: Case, unrounded: str, references: ReferenceRuns, oracles: OracleRuns
) -> tuple[float, str]:
    """Return how far layers are from the torch program's, and the stage to blame ("" within limits)."""
    own = oracles.run(case, unrounded)
    planes = [(getattr(own.ldi, name), getattr(ldi, name)) for name in OUTPUT_NAMES]
    change = float(np.max([np.percentile(np.abs(c.astype(np.float64) - r), 99) for r, c in planes]))
    if change <= OPERATIONS_LIMIT:
        return change, ""
    stages = ReferenceStages(oracles.program(case.size, unrounded))
    made = attribute(stages, own, ldi, references.cameras, references.gains(case))
    blamed = blame(made)
    if blamed is None:
        return change, "its operations give values that are not finite"
    return change, (
        f"{blamed} stage: its operations are not those of the torch program (without rounding, the outputs "
        f"differ by {change:.2g}, {made[blamed]['made']:.2g} in the mean made there)"
    )


def blame(made: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the stage whose own error changes the views most; where the views are equal, that made most."""
    cause = next((name for name, figures in made.items() if figures["cause"]), None)
    return cause or max(made, key=lambda name: made[name]["made"], default=None)


def _judged(
    result: CandidateResult, gates: list[GateResult], faults: list[str], unknown: str
) -> CandidateResult:
    verdict, reason = result.verdict, result.reason
    if faults:
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        verdict, reason = FAIL, "; ".join(faults[:NAMED]) + more
    elif verdict == PASS and not all(gate.passed for gate in gates):
        verdict, reason = NOT_VERIFIED, unknown
    return replace(result, gates=[*result.gates, *gates], faults=faults, verdict=verdict, reason=reason)
