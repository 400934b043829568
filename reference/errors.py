"""The errors a user can meet. Each carries one line: what was wrong, what was got, what to do."""


class LdikitError(Exception):
    """Base of every error that ldikit reports as one line and an exit code.

    Attributes:
        exit_code: what the command line exits with.
    """

    exit_code = 2


class InputError(LdikitError):
    """A file, name or value given by the user cannot be used (exit code 2)."""


class MissingExtraError(LdikitError):
    """A library that only some verbs need is not installed; the message names the extra (exit code 3)."""

    exit_code = 3

    def __init__(self, module: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the Python package {module!r}, which is not installed: "
            f"pip install 'ldikit[{extra}]'"
        )
        self.extra = extra


class BackendUnavailableError(LdikitError):
    """A backend cannot run here, so nothing was verified by it (exit code 3)."""

    exit_code = 3
