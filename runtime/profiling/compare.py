"""Comparing two profiles of the same host; of different hosts there is nothing to compare."""

from dataclasses import dataclass

from ...reference.errors import InputError
from .host import Host
from .report import ProfileReport, Run
from .timing import Latency

FASTER, SLOWER, SAME, UNSURE = "faster", "slower", "no difference", "unsure"
# Two sessions on one machine differ by this much without any change: clocks, heat, where memory lies.
LEAST_SHARE = 0.03


@dataclass(frozen=True)
class Change:
    """One candidate on one number of threads, before and after.

    Attributes:
        name, threads: which.
        before_ms, after_ms: warm medians.
        ratio: after over before; below 1 is faster.
        drifted: one of the two was measured while the machine changed: do not trust the ratio.
        verdict: FASTER or SLOWER where the intervals of the two medians lie apart, and the medians by more
            than `LEAST_SHARE`; SAME where they do not; UNSURE where a run drifted or had too few rounds.
    """

    name: str
    threads: int
    before_ms: float
    after_ms: float
    ratio: float
    drifted: bool
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Two profiles side by side.

    Attributes:
        changes: of the runs that both have, in the order of the second.
        missing, added: names of runs that only the first or only the second has.
        versions: of host software that differ, name → (before, after); "" where absent.
    """

    changes: tuple[Change, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    versions: dict[str, tuple[str, str]]


def compare(before: ProfileReport, after: ProfileReport) -> Comparison:
    """Compare two profiles run by run.

    Raises:
        InputError: they come from different hosts, or of different pipelines.
    """
    check_comparable(before, after.host, after.pipeline)
    old, new = _runs(before), _runs(after)
    changes = []
    for key, (name, run) in new.items():
        if key not in old:
            continue
        was, now = old[key][1], run
        changes.append(
            Change(
                name=name,
                threads=now.threads,
                before_ms=was.latency.p50,
                after_ms=now.latency.p50,
                ratio=now.latency.p50 / was.latency.p50,
                drifted=was.drift.flagged or now.drift.flagged,
                verdict=judge(was.latency, now.latency, was.drift.flagged or now.drift.flagged),
            )
        )
    return Comparison(
        changes=tuple(changes),
        missing=tuple(_label(*old[key]) for key in old if key not in new),
        added=tuple(_label(*new[key]) for key in new if key not in old),
        versions=_changed_versions(before, after),
    )


def judge(before: Latency, after: Latency, drifted: bool = False) -> str:
    """Say whether one latency is faster than another, by the intervals of their medians."""
    if drifted or None in (before.p50_low, before.p50_high, after.p50_low, after.p50_high):
        return UNSURE
    assert before.p50_low is not None and before.p50_high is not None
    assert after.p50_low is not None and after.p50_high is not None
    if after.p50_high < before.p50_low and after.p50 < before.p50 * (1 - LEAST_SHARE):
        return FASTER
    if after.p50_low > before.p50_high and after.p50 > before.p50 * (1 + LEAST_SHARE):
        return SLOWER
    return SAME


def check_comparable(before: ProfileReport, host: Host, pipeline: str) -> None:
    """Refuse a profile that one of this host and pipeline cannot be compared with.

    Raises:
        InputError: it comes from another host, or is of another pipeline.
    """
    if before.host_id != host.id:
        raise InputError(
            f"these profiles come from different hosts ({before.host.title} [{before.host_id}] and "
            f"{host.title} [{host.id}]): measure both on one"
        )
    if before.pipeline != pipeline:
        raise InputError(
            f"these profiles are of different pipelines ({before.pipeline!r} and {pipeline!r}): "
            "compare profiles of the same one"
        )


def _runs(report: ProfileReport) -> dict[tuple, tuple[str, Run]]:
    return {
        (c.format, c.precision, c.stage, c.size, run.threads): (c.name, run)
        for c in report.candidates
        for run in c.runs
    }


def _label(name: str, run: Run) -> str:
    return f"{name}, {run.threads} thread{'' if run.threads == 1 else 's'}"


def _changed_versions(before: ProfileReport, after: ProfileReport) -> dict[str, tuple[str, str]]:
    sides = [
        {"python": report.host.python, report.host.system: report.host.release, **report.host.versions}
        for report in (before, after)
    ]
    names = dict.fromkeys([*sides[0], *sides[1]])
    pairs = {name: (sides[0].get(name, ""), sides[1].get(name, "")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
