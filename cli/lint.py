"""The verb lint: delegate readiness."""

from __future__ import annotations

import typer

from .application import app
from .options import BundleFolder, Json, Overwrite, write_text


@app.command()
def lint(bundle: BundleFolder, json: Json = None, overwrite: Overwrite = False) -> None:
    """Say which operations of every file a phone's accelerators take, in how many pieces, and why."""
    from ..reference.files import check_new
    from ..runtime.bundle import open_bundle
    from ..runtime.lint.lint import lint as lint_bundle
    from ..runtime.lint.table import print_lint

    if json is not None:
        check_new(json, overwrite)
    report = lint_bundle(open_bundle(bundle))
    print_lint(report)
    write_text(json, report.to_json(), overwrite)
    raise typer.Exit(report.exit_code)
