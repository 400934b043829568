"""The verb that says what is installed: doctor."""

from __future__ import annotations

from .application import app


@app.command()
def doctor() -> None:
    """Say what is installed here and what each missing piece would be needed for."""
    from ..runtime.console import print_diagnosis
    from ..runtime.doctor import diagnose

    print_diagnosis(diagnose())
