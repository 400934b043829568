"""What `ldikit arm64 count` prints."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ..console import PIPE_WIDTH, say
from .count import Count

# Types of operations that are shown of a file; the others are one together.
OPERATIONS_SHOWN = 10
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
    for c in counts:
        if c.operations:
            console.print(_by_operation(c))
    say("counted under QEMU 7.2; the same file gives the same within 0.1 %")


def _by_operation(count: Count) -> Table:
    """Return the types of operations that take most of a file's instructions."""
    table = Table(title=f"{count.file} on {count.cpu}: 10⁶ instructions by operation", box=None)
    table.add_column("operation", overflow="fold")
    for column in ("calls", "all", *(name.replace("_", " ") for name in _SHOWN), "share"):
        table.add_column(column, justify="right")
    together = sum(operation.total for operation in count.operations)
    for operation in count.operations[:OPERATIONS_SHOWN]:
        cells = [f"{n / 1e6:.1f}" for n in (operation.total, *(operation.kinds[name] for name in _SHOWN))]
        table.add_row(operation.type, str(operation.calls), *cells, f"{operation.total / together:.0%}")
    rest = count.operations[OPERATIONS_SHOWN:]
    if rest:
        left = sum(operation.total for operation in rest)
        calls = sum(operation.calls for operation in rest)
        blank = [""] * len(_SHOWN)
        table.add_row(
            f"{len(rest)} other types", str(calls), f"{left / 1e6:.1f}", *blank, f"{left / together:.0%}"
        )
    return table
