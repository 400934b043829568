"""A candidate on an emulated ARM64 processor beside this machine's own build of the same runtime."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ...reference.ldi import LDI, OUTPUT_NAMES
from ..arm64.limits import STEPS_GATE, STEPS_LIMIT
from ..backends.protocol import Runner
from ..bundle import Bundle
from ..ldi_runner import run_program
from .candidates import Candidate
from .cases import Case
from .result import FAIL, NOT_VERIFIED, PASS, CandidateResult, GateResult
from .tensors import compare_tensors

DATA_RANGE = 1.0
# Operations that are named in a reason; all of them are in `arm64`.
NAMED = 3


def host_runner(bundle: Bundle, candidate: Candidate, size: str) -> Runner:
    """Return this machine's build of a candidate's runtime on its file of one size.

    Raises:
        InputError: it cannot open the file.
        MissingExtraError, BackendUnavailableError: it is not here, though its ARM64 build is.
    """
    return bundle.open(candidate.entries[size], candidate.backend.split("@")[0])


def on_processor(
    candidate: Candidate, runner: Any, host: Runner, size: str, photo: np.ndarray, ldi: LDI
) -> dict[str, dict[str, float]]:
    """Compare a candidate's layers of a photo with this machine's, and note its processor in the candidate.

    Args:
        candidate: an emulated one.
        runner: that made the layers (`arm64.backend.Arm64Runner`).
        host: from `host_runner`.
        size: of the program.
        photo: (1, 3, H, W).
        ldi: the candidate's layers of it.

    Returns:
        `compare_tensors` of each output.
    """
    own = LDI.from_tensors(run_program(host, candidate.entries[size], photo))
    candidate.arm64 = runner.described()
    return {
        name: compare_tensors(getattr(own, name), getattr(ldi, name), DATA_RANGE, name)
        for name in OUTPUT_NAMES
    }


def check_steps(
    bundle: Bundle, candidate: Candidate, result: CandidateResult, cases: Sequence[Case]
) -> CandidateResult:
    """Judge whether every int8 operation gives what it gives on this machine, to the step.

    Each operation is given the int8 inputs of this machine's run, so that a difference is the operation's own
    and not one that was passed on (`arm64.steps`). One photo a size.

    Returns:
        the result with the gate `host.steps` and `arm64["steps"]`; as it was for other precisions.
    """
    if candidate.precision != "int8" or not candidate.runs:
        return result
    from ..arm64.steps import Difference, differences

    runtime = candidate.backend.split("@")[0]
    limit = STEPS_LIMIT[runtime]
    found: list[Difference] = []
    compared, photo = 0, None
    verdict, reason = result.verdict, result.reason
    for size, entry in candidate.entries.items():
        case = next((c for c in cases if c.size == size and c.suits(list(candidate.entries))), None)
        if case is None:
            continue
        try:
            differing, count = differences(bundle.path(entry), entry, candidate.backend, case.photo)
        except (InputError, MissingExtraError, BackendUnavailableError) as error:
            verdict = NOT_VERIFIED if verdict == PASS else verdict
            reason = reason or f"its int8 steps cannot be compared: {error}"
            gate = GateResult(STEPS_GATE, limit, None, None, False)
            return replace(result, gates=[*result.gates, gate], verdict=verdict, reason=reason)
        found += differing
        compared += count
        photo = case.index if photo is None or differing else photo
    # What is quantised is float, which may lie at a half and fall to either side.
    own = [d for d in found if not d.quantises]
    worst = max((d.steps for d in own), default=0)
    passed = worst <= limit and all(d.steps <= 1 for d in found)
    if not passed:
        named = "; ".join(str(d) for d in sorted(own or found, key=lambda d: -d.steps)[:NAMED])
        verdict, reason = FAIL, f"operations differ from this machine's: {named}"
    gate = GateResult(STEPS_GATE, limit, worst, photo, passed, None if photo is None else 1)
    steps = {"operations": compared, "differing": [d.to_json() for d in found]}
    return replace(
        result,
        gates=[*result.gates, gate],
        verdict=verdict,
        reason=reason,
        arm64={**result.arm64, "steps": steps},
    )
