"""ldikit: one photo to a layered depth image, as phone-ready models proven equal to the reference.

The public API loads nothing heavy until it is called:

    ldikit.reference()                        the float pipeline: photo (H, W, 3) uint8 → LDI
    ldikit.open_bundle(path).runner(...)      an exported model with the same call
    ldikit.verify(bundle, photos)             → ParityReport, whose bool() is the verdict
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import reference
    from .reference.ldi import LDI
    from .runtime.bundle import Bundle, open_bundle
    from .runtime.parity.report import ParityReport
    from .runtime.parity.verify import verify

# Official builds of onnxruntime (1.29 and later) report names and hashes of models to their maker and keep a
# device id on disk, from their import on, unless this is set. What ldikit is given stays on the machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["LDI", "Bundle", "ParityReport", "open_bundle", "reference", "verify"]

_LAZY = {
    "LDI": ".reference.ldi",
    "Bundle": ".runtime.bundle",
    "open_bundle": ".runtime.bundle",
    "ParityReport": ".runtime.parity.report",
    "verify": ".runtime.parity.verify",
}


def __getattr__(name: str) -> Any:
    if name == "reference":
        return import_module(".reference", __name__)
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
