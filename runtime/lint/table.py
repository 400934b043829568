"""What `ldikit lint` prints."""

from rich.console import Console
from rich.table import Table

from ..console import PIPE_WIDTH, say
from .lint import LintReport

# Types of operation that are named in a row; all are in the JSON file.
NAMED = 5


def print_lint(report: LintReport) -> None:
    """Print a row for every file and accelerator, then what to rewrite, then where the rules are from."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    table = Table(title="delegate readiness", title_justify="left", box=None, pad_edge=False)
    for column in ("file", "accelerator"):
        table.add_column(column, overflow="fold")
    for column in ("taken", "partitions"):
        table.add_column(column, justify="right")
    for column in ("told by", "not taken"):
        table.add_column(column, overflow="fold")
    for found in report.found:
        parts = [f"{count} {kind}" for kind, count in found.breaking.items()]
        shown = ", ".join(parts[:NAMED]) + (f", {len(parts) - NAMED} more" if len(parts) > NAMED else "")
        table.add_row(
            found.file,
            found.target,
            f"{found.taken} of {found.operations}",
            str(found.partitions),
            "the runtime" if found.measured else "rules",
            shown or "–",
        )
    console.print(table)
    advice = dict.fromkeys((f.target, kind, hint) for f in report.found for kind, hint in f.rewrite.items())
    for target, kind, hint in advice:
        say(f"{target}: {kind}: {hint}")
    for target, source in dict.fromkeys((f.target, f.source) for f in report.found):
        say(f"{target} by: {source}")
    for file, reason in report.missing.items():
        say(f"{file}: not judged: {reason}")
