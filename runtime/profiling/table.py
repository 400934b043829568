"""A profile as a Markdown table, for READMEs and benchmarks."""

from .charts import thread_label
from .report import Candidate, ProfileReport, Run

HEADER = (
    "candidate",
    "threads",
    "first run",
    "p50",
    "p90",
    "p99",
    "rounds",
    "× torch",
    "peak memory",
    "file",
)

MIB = 1 << 20


def markdown(report: ProfileReport, stages: bool = True) -> str:
    """Return the profile's numbers as Markdown: one line where it was measured, one table, then the notes.

    A run that drifted is marked by `~` before its median; a candidate without times says why in the notes.

    Args:
        report: the profile.
        stages: also list stages, not programs only.
    """
    shown = [c for c in report.candidates if stages or c.stage == "program"]
    lines = [
        f"Pipeline `{report.pipeline}` at {', '.join(report.sizes)}; {report.host.title} "
        f"(host {report.host_id}); candidates timed in turn, {report.settings.get('rounds', '?')} rounds.",
        "",
        _line(HEADER),
        _line(["---"] + ["--:"] * (len(HEADER) - 1)),
    ]
    lines += [_line(_cells(candidate, run)) for candidate in shown for run in candidate.runs]
    notes = [*report.notes]
    notes += [f"{c.name}: no time, {c.not_timed}." for c in shown if c.not_timed]
    notes += [f"Drifted while it was measured: {text}." for text in report.drifted]
    notes += [text for c in shown if (text := _arena(c))]
    for size, macs in report.macs.items():
        stage_macs = ", ".join(f"{s} {n / 1e9:.2f}" for s, n in macs.items() if s != "program")
        notes.append(f"GMAC of one photo at {size}: {macs['program'] / 1e9:.2f} ({stage_macs}).")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]) + "\n"


def _cells(candidate: Candidate, run: Run) -> list[str]:
    threads = str(run.threads) if run.threads else thread_label(0)
    calls = f" (×{candidate.calls})" if candidate.calls > 1 else ""
    return [
        candidate.name + calls,
        threads,
        f"{run.first_run_ms:.0f} ms",
        f"{'~' if run.drift.flagged else ''}{run.latency.p50:.1f} ms",
        f"{run.latency.p90:.1f} ms",
        f"{run.latency.p99:.1f} ms",
        str(run.latency.n),
        "" if run.ratio_to_torch is None else f"{run.ratio_to_torch:.2f}",
        _mebibytes(run.peak_memory_bytes),
        _mebibytes(candidate.file_bytes),
    ]


def _arena(candidate: Candidate) -> str | None:
    """Say what the runtime holds for tensors."""
    arena = candidate.arena
    if arena is None:
        return None
    text = f"{candidate.name}: the arena for tensors holds {_mebibytes(arena.held_bytes)}"
    if arena.used_bytes != arena.held_bytes:
        text += f", {_mebibytes(arena.used_bytes)} of it in use at most"
    if arena.delegate_bytes is not None:
        text += f"; its delegate {_mebibytes(arena.delegate_bytes)} beside it, weights included"
    return f"{text} ({arena.source})."


def _mebibytes(count: int | None) -> str:
    return "" if count is None else f"{count / MIB:.1f} MiB"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
