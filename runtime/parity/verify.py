"""`verify`: every candidate of a bundle on every photo, against the float reference (DESIGN §6)."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ...reference.ldi import LDI, OUTPUT_NAMES
from ...reference.progress import track
from ..arm64.limits import with_host
from ..bundle import Bundle, open_bundle
from .aggregate import aggregate
from .budget import empty_budget
from .candidates import Candidate, find_candidates, load, roundings, run
from .cases import Case, PhotoPaths, photo_names, photo_paths, read_cases
from .emulated import check_steps, host_runner, on_processor
from .explain import explain
from .faithful import check_faithful
from .gates import DEFAULT_GATES, Gates, judge, load_gates, merge_gates, needs
from .ldi_metrics import compare_ldi, hides_anything
from .oracle import OracleRuns
from .reference_runs import ReferenceRun, ReferenceRuns
from .report import ParityReport
from .result import FAIL, NOT_VERIFIED, CandidateResult, GateResult
from .tensors import compare_tensors
from .views import compare_views, render_views
from .weights import check_weights

__all__ = ["ParityReport", "verify"]

# Candidates are compared side by side; more of them would only fill memory.
WORKERS = 2
# Of files loaded at once. A runtime holds several times as much (packed weights, planes of the photo's size):
# nine files of a large network would not fit; those of the pocket networks do, and share the references.
HELD_BYTES = 256 << 20
# Colour, disparity and occupancy all lie in [0, 1].
DATA_RANGE = 1.0


def verify(
    bundle: Bundle | Path | str,
    photos: PhotoPaths | None = None,
    gates: Path | str | Mapping[str, Any] | None = None,
    formats: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    backends: Sequence[str] | None = None,
    pictures: bool = True,
) -> ParityReport:
    """Judge every candidate of a bundle by the layered depth images that it makes.

    Args:
        bundle: from `open_bundle`, or its folder.
        photos: paths, or a folder of photos; None for the bundle's golden photos.
        gates: file of limits, or a mapping like one; None for those of the metric spec.
        formats, precisions, backends: which candidates; None for all, each format on its own backend.
        pictures: also take the pictures that a report shows.

    Raises:
        InputError: a file, photo or gate cannot be used, a name is unknown, or the reference loaded now is
            not the one that the bundle was made from; or every photo calibrated the bundle's recipe (some of
            them are left out, with a warning). A missing backend raises nothing: its candidates are
            `not_verified`.
    """
    bundle = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    limits = _limits(gates)
    candidates = find_candidates(bundle, formats, precisions, backends)
    for golden in bundle.manifest.golden:  # an app is tested by them: no bundle passes with others
        bundle.path(golden)
    paths = photo_paths(bundle.golden_photos() if photos is None else photos)
    cases, paths, left_out = read_cases(paths, [list(c.entries) for c in candidates], _calibrated(bundle))
    references = ReferenceRuns(bundle.manifest.pipeline_at(bundle.folder))
    check_weights(bundle.manifest.weights, references.program(cases[0].size), str(bundle.folder))
    with _one_torch_thread():
        for size in sorted({case.size for case in cases}):
            _score_size(bundle, size, cases, candidates, references, limits)
        judged = [_judge(candidate, limits) for candidate in candidates]
        oracles = OracleRuns(bundle, references)
        results, evidence = [], []
        for candidate, result in track(zip(candidates, judged, strict=True), "attributing", len(judged)):
            if candidate.emulated:
                checked = check_steps(bundle, candidate, result, cases)
            else:
                checked = check_faithful(bundle, candidate, result, cases, references, oracles)
            explained, taken = explain(bundle, candidate, checked, cases, references, oracles, pictures)
            results.append(explained)
            evidence.append(taken)
    warnings = _warnings(candidates, photo_names(paths), left_out)
    return ParityReport(results, warnings, photo_names(paths), tuple(evidence))


def _calibrated(bundle: Bundle) -> frozenset[str]:
    """Return the digests of the photos that calibrated the bundle's recipe; none where it has no recipe."""
    if bundle.manifest.recipe_hash is None:
        return frozenset()
    samples = bundle.recipe().data.get("samples", ())
    return frozenset(str(s["sha256"]) for s in samples if isinstance(s, Mapping) and "sha256" in s)


def _warnings(
    candidates: Sequence[Candidate], names: Sequence[str], left_out: Sequence[Path]
) -> tuple[str, ...]:
    """Say what the figures do not: photos left out, and photos on which hidden layers could not be judged."""
    warnings = []
    if left_out:
        listed = ", ".join(path.name for path in left_out)
        warnings.append(
            f"{len(left_out)} photo{'' if len(left_out) == 1 else 's'} left out, as the quantisation recipe "
            f"was calibrated on them: {listed}"
        )
    compared = {index for c in candidates for scores in c.scores.values() for index in scores}
    empty = sorted(compared - {index for c in candidates for index in c.hidden})
    if empty:
        listed = ", ".join(names[index] for index in empty)
        warnings.append(
            f"{len(empty)} of {len(compared)} photos hide nothing, so hidden layers were judged on "
            f"{len(compared) - len(empty)}: {listed}"
        )
    return tuple(warnings)


def _limits(gates: Path | str | Mapping[str, Any] | None) -> Gates:
    if gates is None:
        return DEFAULT_GATES
    return merge_gates(gates) if isinstance(gates, Mapping) else load_gates(Path(gates))


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Let torch use one thread: the candidates that run side by side use the others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _score_size(
    bundle: Bundle,
    size: str,
    cases: Sequence[Case],
    candidates: Sequence[Candidate],
    references: ReferenceRuns,
    limits: Gates,
) -> None:
    """Score all candidates on the photos of one size; other files are not held meanwhile."""
    for together in _held_together(size, candidates):
        _score_together(bundle, size, cases, candidates, together, references, limits)


def _held_together(size: str, candidates: Sequence[Candidate]) -> Iterator[list[int]]:
    """Yield the candidates that have a size, by index, as many at a time as `HELD_BYTES` allows."""
    together, held = list[int](), 0
    for index, candidate in enumerate(candidates):
        if size not in candidate.entries:
            continue
        wanted = candidate.entries[size].bytes
        if together and held + wanted > HELD_BYTES:
            yield together
            together, held = [], 0
        together.append(index)
        held += wanted
    if together:
        yield together


def _score_together(
    bundle: Bundle,
    size: str,
    cases: Sequence[Case],
    candidates: Sequence[Candidate],
    together: Sequence[int],
    references: ReferenceRuns,
    limits: Gates,
) -> None:
    """Score those candidates on the photos of one size, each photo's reference computed once for all."""
    members = [case for case in cases if case.size == size]
    runners = {
        index: runner for index in together if (runner := load(candidates[index], bundle, size)) is not None
    }
    hosts = {i: host_runner(bundle, candidates[i], size) for i in runners if candidates[i].emulated}

    def score(index: int, reference: ReferenceRun) -> None:
        candidate, case = candidates[index], reference.case
        if not case.suits(list(candidate.entries)):
            return
        for rounding, runner in roundings(runners[index], candidate.entries[size]).items():
            ldi = run(candidate, runner, size, case.photo) if candidate.runs else None
            if ldi is not None:
                flip = needs("views.flip", candidate.precision, limits)
                scores = _compare(reference, ldi, references, flip)
                if candidate.emulated:
                    scores["host"] = on_processor(candidate, runner, hosts[index], size, case.photo, ldi)
                candidate.scores.setdefault(rounding, {})[case.index] = scores
                if hides_anything(reference.ldi):
                    candidate.hidden.add(case.index)

    with ThreadPoolExecutor(WORKERS) as pool:
        for case in track(members, f"verifying {size}", len(members)):
            reference = references.run(case)
            list(pool.map(lambda index: score(index, reference), runners))  # noqa: B023 (done within the loop)


def _compare(reference: ReferenceRun, ldi: LDI, references: ReferenceRuns, flip: bool) -> dict[str, Any]:
    """Return the scores of one photo; ꟻLIP only where a gate reads it, as it takes most of the time."""
    tensors = {
        name: compare_tensors(getattr(reference.ldi, name), getattr(ldi, name), DATA_RANGE, name)
        for name in OUTPUT_NAMES
    }
    views = compare_views(reference.views, render_views(ldi, references.cameras), references.cameras, flip)
    return {"ldi": compare_ldi(reference.ldi, ldi), "views": views, "tensors": tensors}


def _judge(candidate: Candidate, limits: Gates) -> CandidateResult:
    """Judge a candidate; of several ways of rounding, all must pass, and the harshest is shown."""
    common: dict[str, Any] = {
        "format": candidate.format,
        "precision": candidate.precision,
        "backend": candidate.backend,
        "simulated": candidate.simulated,
    }
    photos = sorted({index for scores in candidate.scores.values() for index in scores})
    common["photos"] = len(photos)
    limits = with_host(limits, candidate.backend)
    if not candidate.runs:
        # A file that its real runtime refuses is a failure; one that our evaluator cannot run is unknown.
        verdict = FAIL if candidate.broken and not candidate.simulated else NOT_VERIFIED
        reason = candidate.missing or candidate.broken or ""
        return CandidateResult(
            **{**common, "photos": 0}, error_budget=empty_budget(), verdict=verdict, reason=reason
        )
    aggregated = {
        rounding: _by_photo(aggregate([scores[index] for index in photos]), photos)
        for rounding, scores in candidate.scores.items()
    }
    hidden = len(candidate.hidden)
    verdicts = {
        name: judge(scores, candidate.precision, limits, hidden) for name, scores in aggregated.items()
    }
    shown = aggregated[list(aggregated)[-1]]
    gates = [_harsher(same) for same in zip(*(gates for gates, _ in verdicts.values()), strict=True)]
    worst = next((v for v in (FAIL, NOT_VERIFIED) if v in {v for _, v in verdicts.values()}), None)
    return CandidateResult(
        **common,
        ldi=_part(shown, "ldi"),
        views=_part(shown, "views"),
        tensors=_part(shown, "tensors"),
        error_budget=empty_budget(),
        gates=gates,
        hidden=hidden,
        verdict=worst or next(iter(verdicts.values()))[1],
        reason="a gate's metric was measured on no photo" if worst == NOT_VERIFIED else "",
        arm64={**candidate.arm64, "host": _part(shown, "host")} if candidate.emulated else {},
    )


def _by_photo(aggregated: dict[str, dict[str, Any]], photos: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Return aggregated scores with the photo's own index instead of its place among those measured."""
    return {
        name: {
            **scores,
            "worst_photo": None if scores["worst_photo"] is None else photos[scores["worst_photo"]],
        }
        for name, scores in aggregated.items()
    }


def _harsher(gates: Sequence[GateResult]) -> GateResult:
    """Return, of one gate's results under several roundings, the last that failed, else the last.

    The last rounding is the one whose scores are shown: the two agree wherever it failed.
    """
    return next((gate for gate in reversed(gates) if not gate.passed), gates[-1])


def _part(aggregated: Mapping[str, Any], part: str) -> dict[str, Any]:
    prefix = f"{part}."
    return {name.removeprefix(prefix): s for name, s in aggregated.items() if name.startswith(prefix)}
