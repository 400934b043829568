"""The application: what all verbs share, and how every error ends."""

from __future__ import annotations

import logging
import re
import signal
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..reference.errors import LdikitError

_SHARED = re.compile(r"-[qv]+|--quiet|--verbose")


class _SharedAnywhere(TyperGroup):
    """Takes what all verbs share after the verb as well, where most people put it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move the shared options to the front, up to a `--`."""
        end = args.index("--") if "--" in args else len(args)
        shared = [argument for argument in args[:end] if _SHARED.fullmatch(argument)]
        others = [argument for argument in args[:end] if not _SHARED.fullmatch(argument)]
        return super().parse_args(ctx, [*shared, *others, *args[end:]])


app = typer.Typer(
    name="ldikit",
    cls=_SharedAnywhere,
    help="One photo to a layered depth image, as phone-ready models proven equal to the reference.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"ldikit {version('ldikit')}\n")
        raise typer.Exit


@app.callback()
def common(
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more; -vv: all.")] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only results and errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Set up logging and progress for every verb."""
    from ..reference.progress import set_quiet

    set_quiet(quiet)
    level = logging.ERROR if quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("ldikit").setLevel(level)
    # torch warns of its own classes wherever a traced network is copied.
    warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)`", FutureWarning)


# What Typer returns for Ctrl-C, after the shell's custom of 128 + the signal's number.
INTERRUPTED = 130


def main() -> None:
    """Run the command line: every error is one line on standard error and an exit code, never a traceback."""
    # A polite kill ends like Ctrl-C, so that what is half-written is taken away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = 2
    try:
        code = app(standalone_mode=False) or 0
        message = "interrupted; nothing was left half-written" if code == INTERRUPTED else None
    except LdikitError as error:
        code, message = error.exit_code, str(error)
    except KeyboardInterrupt:
        message = "interrupted; nothing was left half-written"
    except Exception as error:
        # Typer's usage errors have no public class in every version; they all can say their message.
        if hasattr(error, "format_message"):
            message = f"{error.format_message()} See ldikit --help."
        else:
            logging.getLogger("ldikit").info("traceback:", exc_info=True)
            message = f"internal error, please report it with `ldikit -v …`: {type(error).__name__}: {error}"
    if message is not None:
        sys.stderr.write(f"ldikit: {' '.join(message.split())}\n")
    sys.exit(2 if code == INTERRUPTED else code)
