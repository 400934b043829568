"""What `ldikit arm64 count` prints."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ..console import PIPE_WIDTH, say
from .count import Count

# Kinds that have a column of their own; the others are one together.
_SHOWN = ("float", "fp16", "dot_product", "matrix", "vector", "memory")


def print_counts(counts: Sequence[Count]) -> None:
    """Print a row a file: millions of instructions, in all and by kind."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    table = Table(title="10⁶ ARM64 instructions of an inference: a cost to compare, no time", box=None)
    for column in ("file", "processor"):
        table.add_column(column, overflow="fold")
    for column in ("all", *(name.replace("_", " ") for name in _SHOWN), "others", "÷ fp32"):
        table.add_column(column, justify="right")
    whole = {(c.cpu, c.format, c.stage, c.size): c.total for c in counts if c.precision == "fp32"}
    for c in counts:
        shown = [c.kinds.get(name, 0) for name in _SHOWN]
        reference = whole.get((c.cpu, c.format, c.stage, c.size))
        ratio = "–" if reference is None else f"{c.total / reference:.2f}"
        cells = [f"{n / 1e6:.1f}" for n in (c.total, *shown, c.total - sum(shown))]
        table.add_row(c.file, c.cpu, *cells, ratio)
    console.print(table)
    say("counted under QEMU 7.2; the same file gives the same within 0.1 %")
