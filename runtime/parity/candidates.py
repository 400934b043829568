"""The candidates of a bundle: one program in one format and precision, at all its sizes, on one backend."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...reference.errors import BackendUnavailableError, InputError, MissingExtraError
from ...reference.ldi import LDI
from ..backends.loader import FORMAT_OF_BACKEND, backend_for, simulates
from ..backends.protocol import Runner, backends
from ..bundle import Bundle
from ..ldi_runner import run_program
from ..manifest import ModelFile

# The way of rounding that a candidate is named by where its backend knows several, and the other ends.
PLAIN = ""


@dataclass
class Candidate:
    """A candidate, and what is known of it so far.

    Attributes:
        entries: its files by size.
        backend: that runs them.
        simulated: whether the backend is a model of the real runtime.
        missing: why the backend cannot run here, None if it can.
        broken: why its file cannot be opened or run, None if it can.
        scores: of each photo, by way of rounding: {rounding: {photo index: scores}}.
        hidden: the photos on which the reference hides anything.
        arm64: what a guest says of its processor, for an emulated candidate that ran.
    """

    entries: dict[str, ModelFile]
    backend: str
    simulated: bool
    missing: str | None = None
    broken: str | None = None
    scores: dict[str, dict[int, dict]] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    arm64: dict[str, object] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """Of its files."""
        return next(iter(self.entries.values())).format

    @property
    def precision(self) -> str:
        """Of its files."""
        return next(iter(self.entries.values())).precision

    @property
    def emulated(self) -> bool:
        """Whether its runtime is the ARM64 build, on an emulated processor."""
        return "@" in self.backend

    @property
    def runs(self) -> bool:
        """Whether nothing has stopped it yet."""
        return self.missing is None and self.broken is None


def find_candidates(
    bundle: Bundle,
    formats: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    wanted: Sequence[str] | None = None,
) -> list[Candidate]:
    """Return the candidates of a bundle; every file is checked against its sha256.

    Args:
        bundle: see `open_bundle`.
        formats, precisions: None for all that the bundle has.
        wanted: backends, None for each format's own.

    Raises:
        InputError: an unknown name, a file that is missing or not the declared one, or nothing is left.
    """
    found: dict[tuple[str, str, str], Candidate] = {}
    for name in wanted or ():
        backends.get(name)
        if name == "torch":
            raise InputError(
                "the torch backend is the reference itself: name the backend to judge against it"
            )
    for entry in bundle.files("program", formats, precisions):
        names = [backend_for(entry.format)]
        if wanted is not None:
            names = [name for name in wanted if FORMAT_OF_BACKEND[name] == entry.format]
        for name in names:
            key = (entry.format, entry.precision, name)
            candidate = found.setdefault(key, Candidate({}, name, simulates(name)))
            if entry.size in candidate.entries:
                raise InputError(f"{bundle.folder} declares {' '.join(key[:2])} {entry.size} twice")
            candidate.entries[entry.size] = entry
            bundle.path(entry)
    if not found:
        raise InputError(f"{bundle.folder} has no program of the formats, precisions and backends asked for")
    return list(found.values())


def load(candidate: Candidate, bundle: Bundle, size: str) -> Runner | None:
    """Load a candidate's file of one size; on failure note in the candidate why, and return None."""
    if not candidate.runs:
        return None
    try:
        return bundle.open(candidate.entries[size], candidate.backend)
    except (MissingExtraError, BackendUnavailableError) as error:
        candidate.missing = str(error)
    except InputError as error:
        candidate.broken = str(error)
    return None


def roundings(runner: Runner, entry: ModelFile) -> dict[str, Runner]:
    """Return the ways in which a file can be run: one, or both ends of a simulated backend's fp16 bracket."""
    rounded = getattr(runner, "rounded", None)
    if rounded is None or entry.precision == "fp32":
        return {PLAIN: runner}
    from ..backends.coreml_backend import ROUNDINGS

    return {name: rounded(name) for name in ROUNDINGS}


def run(candidate: Candidate, runner: Runner, size: str, photo: np.ndarray) -> LDI | None:
    """Run a candidate on a photo tensor (1, 3, H, W); on failure note in the candidate why."""
    try:
        return LDI.from_tensors(run_program(runner, candidate.entries[size], photo))
    except InputError as error:
        candidate.broken = str(error)
    except BackendUnavailableError as error:  # an emulated processor that crashed or hung
        candidate.missing = str(error)
    return None
