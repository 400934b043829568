"""What `verify` gives back: the content of parity.json, and the evidence that a report shows."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ...reference.files import atomic_file
from ..report.evidence import Evidence
from . import result


@dataclass(frozen=True)
class ParityReport(result.ParityReport):
    """A parity run; True only where there are candidates and every one passed.

    Attributes:
        candidates: see `result.ParityReport`.
        photos: names of the photos, by index.
        evidence: pictures of each candidate's worst photo, in the candidates' order; not in parity.json.
    """

    photos: tuple[str, ...] = ()
    evidence: tuple[Evidence | None, ...] = field(default=(), repr=False, compare=False)

    def to_json(self) -> str:  # type: ignore[override]
        """Return the text of parity.json (DESIGN §6)."""
        return json.dumps(super().to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write parity.json, whole or not at all, over an older one.

        Raises:
            InputError: it cannot be written.
        """
        with atomic_file(Path(path), overwrite=True) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")
