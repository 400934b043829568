"""The profile as charts for report.html: self-contained fragments, nothing fetched from a network."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .litert_trace import DELEGATED
from .report import Candidate, ProfileReport, Run

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# One colour a number of threads; they differ in lightness too, for those who see colours alike.
THREAD_COLORS = ("#1b4965", "#62b6cb", "#bee9e8", "#cae9ff")
STAGE_COLORS = {"depth": "#1b4965", "layering": "#f4a259", "inpainting": "#8cb369"}

# Slower types of operation than this many are added up as "other".
OPERATIONS_SHOWN = 12

MIB = 1 << 20


def charts(report: ProfileReport, include_plotlyjs: bool = True) -> list[tuple[str, str]]:
    """Return (title, HTML fragment) of every chart that the profile has numbers for.

    Args:
        report: the profile.
        include_plotlyjs: put the whole of plotly.js (4.5 MB) into the first fragment; False if the page has
            it already.
    """
    from plotly.io import to_html

    programs = [c for c in report.candidates if c.stage == "program"]
    figures: list[tuple[str, Figure]] = []
    timed = [c for c in programs if c.runs]
    if timed:
        figures.append(("Warm latency, median (whisker: p90)", _latency(timed)))
        threads = thread_label(timed[0].runs[0].threads)
        figures.append((f"First run: load and first inference, {threads}", _first_run(timed)))
        figures.append(("Peak memory and file size", _memory(timed)))
    shares = _stages(report)
    if shares is not None:
        figures.append(("Where the time goes, by stage", shares))
    for candidate in timed:
        if candidate.operations is not None and candidate.operations.told:
            figures.append((f"Slowest operations: {candidate.name}", _operations(candidate)))
            figures.append((f"Operations within an inference: {candidate.name}", _flame(candidate)))
    fragments = []
    for index, (title, figure) in enumerate(figures):
        script = include_plotlyjs and index == 0
        html = to_html(
            figure,
            full_html=False,
            include_plotlyjs=script,
            default_width="100%",
            # Random by default; fixed, the same profile gives the same page.
            div_id=f"profile-chart-{index}",
            config={"displayModeBar": False, "responsive": True},
        )
        fragments.append((title, html))
    return fragments


def _style(figure: "Figure", rows: int, x_title: str) -> "Figure":
    """Give all charts one look; `rows` bars decide the height."""
    figure.update_layout(
        height=110 + 26 * rows,
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        template="plotly_white",
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        xaxis={"title": {"text": x_title}, "rangemode": "tozero"},
        # First at the top.
        yaxis={"autorange": "reversed", "automargin": True, "title": None},
    )
    return figure


def _by_threads(candidates: Iterable[Candidate]) -> dict[int, list[tuple[Candidate, Run]]]:
    found: dict[int, list[tuple[Candidate, Run]]] = {}
    for candidate in candidates:
        for run in candidate.runs:
            found.setdefault(run.threads, []).append((candidate, run))
    return dict(sorted(found.items()))


def thread_label(threads: int) -> str:
    """Say in words how many threads a run had."""
    if threads == 0:
        return "threads chosen by the runtime"
    return f"{threads} thread{'' if threads == 1 else 's'}"


def _latency(candidates: list[Candidate]) -> "Figure":
    from plotly.graph_objects import Bar, Figure

    figure = Figure()
    groups = _by_threads(candidates)
    for color, (threads, pairs) in zip(THREAD_COLORS, groups.items(), strict=False):
        figure.add_trace(
            Bar(
                name=thread_label(threads),
                orientation="h",
                y=[candidate.name for candidate, _ in pairs],
                x=[run.latency.p50 for _, run in pairs],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "arrayminus": [0.0] * len(pairs),
                    "array": [run.latency.p90 - run.latency.p50 for _, run in pairs],
                    "color": "#555",
                    "thickness": 1,
                },
                marker_color=color,
                customdata=[
                    [run.latency.p90, run.latency.p99, run.latency.n, _ratio(run)] for _, run in pairs
                ],
                hovertemplate="%{y}: %{x:.1f} ms<br>p90 %{customdata[0]:.1f}, p99 %{customdata[1]:.1f} "
                "(n=%{customdata[2]})<br>%{customdata[3]}<extra>%{fullData.name}</extra>",
            )
        )
    return _style(figure, len(candidates) * len(groups), "ms")


def _ratio(run: Run) -> str:
    return "" if run.ratio_to_torch is None else f"{run.ratio_to_torch:.2f} × torch"


def _first_run(candidates: list[Candidate]) -> "Figure":
    from plotly.graph_objects import Bar, Figure

    pairs = [(candidate, candidate.runs[0]) for candidate in candidates]
    names = [candidate.name for candidate, _ in pairs]
    figure = Figure(
        [
            Bar(
                name=name,
                orientation="h",
                y=names,
                x=values,
                marker_color=color,
                hovertemplate="%{y}: %{x:.0f} ms<extra>%{fullData.name}</extra>",
            )
            for name, color, values in (
                ("load", THREAD_COLORS[1], [run.load_ms for _, run in pairs]),
                ("first inference", THREAD_COLORS[0], [run.first_inference_ms for _, run in pairs]),
            )
        ]
    )
    figure.update_layout(barmode="stack")
    return _style(figure, len(pairs), "ms")


def _memory(candidates: list[Candidate]) -> "Figure":
    from plotly.graph_objects import Bar, Figure

    runs = [(candidate, candidate.runs[0]) for candidate in candidates]
    names = [candidate.name for candidate, _ in runs]
    figure = Figure(
        [
            Bar(
                name=name,
                orientation="h",
                y=names,
                x=[None if value is None else value / MIB for value in values],
                marker_color=color,
                hovertemplate="%{y}: %{x:.1f} MiB<extra>%{fullData.name}</extra>",
            )
            for name, color, values in (
                ("peak of the process", THREAD_COLORS[0], [run.peak_memory_bytes for _, run in runs]),
                (
                    "of it before loading",
                    THREAD_COLORS[2],
                    [run.baseline_memory_bytes for _, run in runs],
                ),
                ("arena for tensors", STAGE_COLORS["inpainting"], [arena_bytes(c)[0] for c, _ in runs]),
                ("delegate's own", STAGE_COLORS["depth"], [arena_bytes(c)[1] for c, _ in runs]),
                ("file", STAGE_COLORS["layering"], [candidate.file_bytes for candidate, _ in runs]),
            )
        ]
    )
    return _style(figure, 5 * len(names), "MiB")


def arena_bytes(candidate: Candidate) -> tuple[int | None, int | None]:
    """Return what a runtime's arena and its delegate hold, None where nobody tells."""
    arena = candidate.arena
    return (None, None) if arena is None else (arena.held_bytes, arena.delegate_bytes)


def _stages(report: ProfileReport) -> "Figure | None":
    """Stack the stages of every format that was measured by stage, each as often as the program runs it."""
    from plotly.graph_objects import Bar, Figure

    measured = [c for c in report.candidates if c.stage in STAGE_COLORS and c.runs]
    if not measured:
        return None
    labels: list[str] = []
    figure = Figure()
    for stage, color in STAGE_COLORS.items():
        bars = [
            (f"{c.format} {c.precision} {c.size}, {thread_label(run.threads)}", c.calls * run.latency.p50, c)
            for c in measured
            if c.stage == stage
            for run in c.runs
        ]
        labels += [label for label, _, _ in bars if label not in labels]
        figure.add_trace(
            Bar(
                name=stage,
                orientation="h",
                y=[label for label, _, _ in bars],
                x=[ms for _, ms, _ in bars],
                marker_color=color,
                customdata=[c.calls for _, _, c in bars],
                hovertemplate="%{y}: %{x:.1f} ms in %{customdata} calls<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_layout(barmode="stack")
    return _style(figure, len(labels), "ms a photo")


def _operations(candidate: Candidate) -> "Figure":
    from plotly.graph_objects import Bar, Figure

    assert candidate.operations is not None
    every = candidate.operations.by_type
    rows = [(o.type, o.ms, f"{o.calls:g} calls, {o.share:.0%}") for o in every[:OPERATIONS_SHOWN]]
    rest = every[OPERATIONS_SHOWN:]
    if rest:
        rows.append(
            (f"{len(rest)} other types", sum(o.ms for o in rest), f"{sum(o.share for o in rest):.0%}")
        )
    figure = Figure(
        Bar(
            orientation="h",
            y=[name for name, _, _ in rows],
            x=[ms for _, ms, _ in rows],
            marker_color=THREAD_COLORS[0],
            customdata=[text for _, _, text in rows],
            hovertemplate="%{y}: %{x:.2f} ms, %{customdata}<extra></extra>",
        )
    )
    threads, covered = thread_label(candidate.operations.threads), candidate.operations.covered
    added = "" if covered is None else f"; together {covered:.0%} of the inference"
    return _style(figure, len(rows), f"ms an inference, {threads}{added}")


def _flame(candidate: Candidate) -> "Figure":
    """Lay an inference out: the whole, who ran it, types of operations; each as wide as it takes long."""
    from plotly.graph_objects import Figure, Icicle

    assert candidate.operations is not None
    rows = flame(candidate)
    figure = Figure(
        Icicle(
            ids=[row[0] for row in rows],
            labels=[row[1] for row in rows],
            parents=[row[2] for row in rows],
            values=[row[3] for row in rows],
            branchvalues="remainder",
            tiling={"orientation": "v"},
            sort=False,
            hovertemplate="%{label}: %{value:.2f} ms, %{percentRoot:.1%}<extra></extra>",
        )
    )
    figure.update_layout(
        height=260,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    return figure


def flame(candidate: Candidate) -> list[tuple[str, str, str, float]]:
    """Return (id, label, id of what it lies in, ms of its own) of every box of a flame chart, outer first.

    What a delegate ran lies in a box of its own; what no operation took, in one "between operations".
    """
    operations = candidate.operations
    assert operations is not None
    together = sum(o.ms for o in operations.by_type)
    # A runtime that does not time the whole: the operations are all there is.
    whole = max(operations.whole_ms or together, together)
    rows = [("all", candidate.name, "", 0.0)]
    handed = [o for o in operations.by_type if o.type.startswith(DELEGATED)]
    if handed:
        rows.append(("delegate", DELEGATED.strip(), "all", 0.0))
    for operation in operations.by_type:
        label = operation.type.removeprefix(DELEGATED)
        rows.append((operation.type, label, "delegate" if operation in handed else "all", operation.ms))
    if whole > together:
        rows.append(("between", "between operations", "all", whole - together))
    return rows
