"""The libraries that only some formats need: imported when such a file is written, missed in one line."""

from importlib import import_module
from types import ModuleType

from ...reference.errors import MissingExtraError

EXTRA = "files3d"


def load(module: str, package: str, purpose: str) -> ModuleType:
    """Import a module of the extra `files3d`.

    Args:
        module: to import.
        package: that it comes with, as it is installed.
        purpose: what needs it, in words ("writing GLB files").

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(package, EXTRA, purpose) from error
