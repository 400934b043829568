"""Which candidates a profile measures: the torch reference and its stages, then every file of the bundle."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...reference.errors import InputError
from ..backends.loader import backend_for
from ..manifest import STAGES, Manifest, ModelFile
from .macs import stage_calls


@dataclass(frozen=True)
class Planned:
    """A candidate before it was measured; see `report.Candidate` for the fields they share."""

    name: str
    format: str
    precision: str
    backend: str
    stage: str
    size: str
    calls: int
    entry: ModelFile | None

    @property
    def group(self) -> tuple[str, str, str]:
        """What shares a process: a program and its stages."""
        return self.format, self.precision, self.size


def choose_sizes(manifest: Manifest, sizes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the sizes to measure: those asked for, or the manifest's first.

    The other orientation has the same arithmetic: by default the time goes into more rounds instead.

    Raises:
        InputError: the bundle has no such size.
    """
    if sizes is None:
        return manifest.sizes[:1]
    for size in sizes:
        if size not in manifest.sizes:
            raise InputError(f"the bundle has no size {size!r}; it has {', '.join(manifest.sizes)}")
    return tuple(sizes)


def plan_candidates(manifest: Manifest, sizes: Sequence[str], stages: bool) -> list[Planned]:
    """List the candidates, group by group, the torch reference first.

    Args:
        manifest: of the bundle.
        sizes: to measure.
        stages: also the torch stages and the bundle's stage files.
    """
    calls = stage_calls(manifest.pipeline.layers)
    wanted = STAGES if stages else STAGES[:1]
    found: list[Planned] = []
    for size in sizes:
        suffix = "" if len(sizes) == 1 else f" {size}"
        for stage in wanted:
            name = _name("torch", "fp32", stage) + suffix
            found.append(Planned(name, "torch", "fp32", "torch", stage, size, calls[stage], None))
        entries = [entry for entry in manifest.files if entry.size == size and entry.stage in wanted]
        groups = dict.fromkeys((entry.format, entry.precision) for entry in entries)
        for kind, precision in groups:
            members = [entry for entry in entries if (entry.format, entry.precision) == (kind, precision)]
            for entry in sorted(members, key=lambda entry: STAGES.index(entry.stage)):
                name = _name(kind, precision, entry.stage) + suffix
                backend = backend_for(kind)
                found.append(
                    Planned(name, kind, precision, backend, entry.stage, size, calls[entry.stage], entry)
                )
    return found


def _name(kind: str, precision: str, stage: str) -> str:
    return f"{kind} {precision}" + ("" if stage == "program" else f" {stage}")
