"""What the verbs print: plain lines and tables on standard output, coloured on a terminal only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ..reference.catalogue import CatalogueEntry
    from .bundle import Bundle
    from .doctor import Diagnosis
    from .manifest import GoldenFile, ModelFile
    from .parity.report import ParityReport
    from .parity.result import CandidateResult
    from .photo3d.photo import PhotoResult
    from .profiling.compare import Comparison
    from .profiling.report import ProfileReport
    from .profiling.timing import Latency

VERDICT_STYLE = {"pass": "green", "fail": "bold red", "not_verified": "yellow"}

# A pipe or a log file has no width: lines there are never broken.
PIPE_WIDTH = 200


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


def _table(*columns: str, title: str | None = None) -> Table:
    """Make a table; a column whose name begins with ">" holds numbers, which are set to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        justify = "right" if column.startswith(">") else "left"
        # A narrow terminal folds a path rather than hide its end.
        table.add_column(column.removeprefix(">"), justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def say(text: str) -> None:
    """Print one line as it is."""
    _console().print(text, markup=False, highlight=False, soft_wrap=True)


def print_parity(report: ParityReport) -> None:
    """Print a row for every candidate, then every gate that failed and every reason for not verifying."""
    table = _table(
        "candidate", "backend", ">photos", ">gap IoU", ">view PSNR dB", "verdict", title="parity, worst photo"
    )
    for candidate in report.candidates:
        table.add_row(
            f"{candidate.format} {candidate.precision}",
            candidate.backend + (" (simulated)" if candidate.simulated else ""),
            str(candidate.photos),
            _worst(candidate.ldi, "gap_iou", ".5f"),
            _worst(candidate.views, "psnr", ".1f"),
            f"[{VERDICT_STYLE[candidate.verdict]}]{candidate.verdict.replace('_', ' ')}[/]",
        )
    _console().print(table)
    for candidate in report.candidates:
        for line in _complaints(candidate, report.photos):
            say(line)
    for warning in report.warnings:
        say(f"warning: {warning}")


def _worst(metrics: dict[str, Any], name: str, form: str) -> str:
    value = metrics.get(name, {}).get("worst")
    if value is None:
        return "–"
    return format(value, form) if math.isfinite(value) else "not finite"


def _complaints(candidate: CandidateResult, photos: Sequence[str]) -> list[str]:
    who = f"{candidate.format} {candidate.precision} on {candidate.backend}"
    lines = []
    if candidate.reason:
        lines.append(f"{who}: {candidate.verdict.replace('_', ' ')}: {candidate.reason}")
    for gate in candidate.gates:
        if not gate.passed:
            where = "" if gate.worst_photo is None else f" on {photos[gate.worst_photo]}"
            got = "nothing" if gate.value is None else f"{gate.value:.6g}"
            lines.append(f"{who}: gate {gate.name} failed: limit {gate.limit:g}, got {got}{where}")
    return lines


def print_profile(report: ProfileReport) -> None:
    """Print latency, memory and size of every whole program, what was not timed, and what drifted."""
    columns = (
        "candidate",
        "size",
        "threads",
        "first run ms",
        "p50 ms",
        "95 %",
        "p90 ms",
        "× torch",
        "peak MB",
        "file MB",
    )
    table = _table(*columns)
    for candidate in report.candidates:
        if candidate.stage != "program":
            continue
        size_mb = "–" if candidate.file_bytes is None else f"{candidate.file_bytes / 1e6:.2f}"
        if not candidate.runs:
            table.add_row(candidate.name, candidate.size, *["–"] * 7, size_mb)
        for run in candidate.runs:
            memory = run.peak_memory_bytes
            table.add_row(
                candidate.name,
                candidate.size,
                str(run.threads),
                f"{run.first_run_ms:.0f}",
                f"{run.latency.p50:.1f}",
                _interval(run.latency),
                f"{run.latency.p90:.1f}",
                "–" if run.ratio_to_torch is None else f"{run.ratio_to_torch:.2f}",
                "–" if memory is None else f"{memory / 1e6:.0f}",
                size_mb,
            )
    say(f"latency on {report.host.title}")
    _console().print(table)
    programs = (c for c in report.candidates if c.stage == "program")
    untimed = (f"{c.name}: not timed: {c.not_timed}" for c in programs if c.not_timed)
    for line in (*report.notes, *untimed, *(f"drift: {name}" for name in report.drifted)):
        say(line)
    for minute in report.sustained:
        windows = ", ".join(f"{ms:.1f}" for ms in minute.windows_ms)
        say(
            f"{minute.name} for {minute.seconds:.0f} s without a pause, {minute.runs} runs, medians of each "
            f"sixth: {windows} ms ({minute.slowdown:+.0%})"
        )


def _interval(latency: Latency) -> str:
    if latency.p50_low is None or latency.p50_high is None:
        return "–"
    return f"{latency.p50_low:.1f}–{latency.p50_high:.1f}"


def print_comparison(comparison: Comparison, before: str) -> None:
    """Print the medians of two profiles side by side, and what only one of them has.

    Args:
        comparison: see `compare`.
        before: what to call the older profile.
    """
    table = _table("candidate", ">threads", ">p50 ms before", ">p50 ms now", ">ratio", "verdict")
    for change in comparison.changes:
        table.add_row(
            change.name,
            str(change.threads),
            f"{change.before_ms:.2f}",
            f"{change.after_ms:.2f}",
            f"{change.ratio:.2f}",
            change.verdict + (" (drifted)" if change.drifted else ""),
        )
    say(f"compared with {before}; a ratio below 1 is faster")
    _console().print(table)
    for what, names in (("only before", comparison.missing), ("only now", comparison.added)):
        for name in names:
            say(f"{what}: {name}")
    for name, (old, new) in comparison.versions.items():
        say(f"{name}: {old or 'absent'} before, {new or 'absent'} now")


def print_bundle(bundle: Bundle) -> None:
    """Print the manifest's files with their sizes, after checking every checksum."""
    manifest = bundle.manifest
    for file in (*manifest.files, *manifest.golden):
        bundle.path(cast("ModelFile | GoldenFile", file))
    sizes = ", ".join(manifest.sizes)
    say(f"pipeline {manifest.pipeline.name}, {manifest.pipeline.layers} layers, sizes {sizes}")
    table = _table("file", "stage", "size", "precision", ">MB", "sha256")
    for entry in manifest.files:
        table.add_row(
            entry.path,
            entry.stage,
            entry.size,
            entry.precision,
            f"{entry.bytes / 1e6:.2f}",
            entry.sha256[:12],
        )
    for golden in manifest.golden:
        table.add_row(golden.path, "golden", "", "", f"{golden.bytes / 1e6:.2f}", golden.sha256[:12])
    _console().print(table)
    say(
        f"{len(manifest.substitutions)} substitutions; made with "
        + ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    )


def print_catalogue(entries: list[CatalogueEntry]) -> None:
    """Print the networks that can be named."""
    table = _table("name", "for", ">parameters", ">weights MB", "weights", "licence")
    for entry in entries:
        table.add_row(
            entry.name,
            f"--{entry.stage}",
            "" if entry.parameters is None else f"{entry.parameters:,}",
            "" if entry.weights_bytes is None else f"{entry.weights_bytes / 1e6:.2f}",
            entry.weights,
            entry.licence,
        )
    _console().print(table)


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """Print the machine, every library, and what a missing one would be needed for."""
    for name, value in diagnosis.host.items():
        say(f"{name:8} {value}")
    say(f"coreml   {diagnosis.coreml}")
    table = _table("library", "version", "needed for")
    for part in diagnosis.parts:
        hint = f"missing: pip install 'ldikit[{part.extra}]'" if part.extra else "missing: reinstall ldikit"
        table.add_row(part.name, part.version or hint, part.purpose)
    _console().print(table)


def print_photo(result: PhotoResult) -> None:
    """Print where the 3D photo lies and what to know about it."""
    by = result.made_by + (" (simulated)" if result.simulated else "")
    say(f"{result.destination}: {result.width}×{result.height}, {result.layers} layers by {by}")
    for name in result.files:
        say(f"  {name}")
    for warning in result.warnings:
        say(f"warning: {warning}")
