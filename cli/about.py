"""The verbs that say what is here: models, doctor."""

from __future__ import annotations

from .application import app


@app.command()
def models() -> None:
    """List the depth and inpainting networks that can be named."""
    from ..reference.catalogue import catalogue
    from ..runtime.console import print_catalogue

    print_catalogue(catalogue())


@app.command()
def doctor() -> None:
    """Say what is installed here and what each missing piece would be needed for."""
    from ..runtime.console import print_diagnosis
    from ..runtime.doctor import diagnose

    print_diagnosis(diagnose())
