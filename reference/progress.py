"""Progress bars: on a terminal only, on standard error, never in CI or when quiet."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Turn every progress bar of this process off (`-q`)."""
    global _quiet
    _quiet = quiet


def shown() -> bool:
    """Say whether bars are drawn: standard error is a terminal, `CI` is not set and `-q` was not given."""
    return sys.stderr.isatty() and not os.environ.get("CI") and not _quiet


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, drawing a progress bar with time left where one is `shown`."""
    if not shown():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    console = Console(stderr=True)
    yield from rich_track(items, description=description, total=total, console=console, transient=True)


@contextmanager
def counted(description: str) -> Iterator[Callable[[], None]]:
    """Give a function to call at each step of work of unknown length; the count is drawn as `track` draws."""
    if not shown():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}: {task.completed:.0f}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=None)
        yield lambda: progress.advance(task)
