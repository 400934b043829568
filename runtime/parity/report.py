"""What `verify` gives back: the content of parity.json, and the evidence that a report shows."""

from dataclasses import dataclass, field

from ..report.evidence import Evidence
from . import result


@dataclass(frozen=True)
class ParityReport(result.ParityReport):
    """A parity run; True only where there are candidates and every one passed.

    Attributes:
        candidates, warnings: see `result.ParityReport`.
        photos: names of the photos, by index; not in parity.json.
        evidence: pictures of each candidate's worst photo, in the candidates' order; not in parity.json.
    """

    photos: tuple[str, ...] = ()
    evidence: tuple[Evidence | None, ...] = field(default=(), repr=False, compare=False)
