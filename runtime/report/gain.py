"""What int8 gains in time over fp32 in one and the same measurement, and what of it stays float."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..manifest import Manifest, ModelFile

if TYPE_CHECKING:
    from ..profiling.report import Candidate, ProfileReport, Run

WORTHWHILE = 1.5
"""Times as fast as fp32: below, the operations that take the gain are what to look at."""
NAMED = 6


@dataclass(frozen=True)
class Gain:
    """Of one int8 program.

    Attributes:
        name: format and size.
        threads: it was measured with.
        int8_ms, fp32_ms: medians.
        times: how many times as fast as fp32.
        floats: kinds of operation that compute in float in it, with how many, the most frequent first.
        slowest: kinds of operation with their share of the time, 0 to 1; none where the runtime tells none.
    """

    name: str
    threads: int
    int8_ms: float
    fp32_ms: float
    times: float
    floats: tuple[tuple[str, int], ...]
    slowest: tuple[tuple[str, float], ...]

    @property
    def worthwhile(self) -> bool:
        """Whether int8 gains enough."""
        return self.times >= WORTHWHILE


def gains(manifest: Manifest, profile: "ProfileReport | None") -> list[Gain]:
    """Return what every measured int8 program gains; none without both precisions in the same measurement."""
    if profile is None:
        return []
    files = {file.path: file for file in manifest.files}
    programs = [c for c in profile.candidates if c.stage == "program" and c.runs]
    found = []
    for quick in (c for c in programs if c.precision == "int8"):
        same = (quick.format, quick.backend, quick.size)
        plain = [c for c in programs if c.precision == "fp32" and (c.format, c.backend, c.size) == same]
        for slow in plain:
            runs = {run.threads: run for run in slow.runs}
            found += [
                _gain(quick, run, runs[run.threads], files.get(quick.file or ""))
                for run in quick.runs
                if run.threads in runs
            ]
    return found


def _gain(candidate: "Candidate", quick: "Run", slow: "Run", file: ModelFile | None) -> Gain:
    counts = {} if file is None else file.operations
    floats = {kind: n for kind, by in counts.items() if (n := by.get("fp32", 0) + by.get("fp16", 0))}
    told = candidate.operations
    return Gain(
        f"{candidate.format} {candidate.size}",
        quick.threads,
        quick.latency.p50,
        slow.latency.p50,
        slow.latency.p50 / quick.latency.p50,
        tuple(sorted(floats.items(), key=lambda item: (-item[1], item[0]))[:NAMED]),
        () if told is None else tuple((op.type, op.share) for op in told.by_type[:NAMED]),
    )
