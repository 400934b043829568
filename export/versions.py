"""Which versions of which tools made a bundle."""

import platform
from importlib.metadata import PackageNotFoundError, version

from .protocol import CONVERTERS

# By the names that package registries know them by; import names differ.
_DISTRIBUTIONS = {
    "litert_torch": "litert-torch",
    "ai_edge_quantizer": "ai-edge-quantizer",
    "ai_edge_litert": "ai-edge-litert",
}


def tool_versions(formats: tuple[str, ...]) -> dict[str, str]:
    """Return the version of Python, of ldikit, torch and numpy, and of the converters of some formats."""
    names = ["ldikit", "torch", "numpy"]
    for name in formats:
        names += [_DISTRIBUTIONS.get(module, module) for module in CONVERTERS[name]]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
