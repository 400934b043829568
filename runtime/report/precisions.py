"""Which operations of each file are computed in which precision."""

from collections import Counter
from dataclasses import dataclass

from ..manifest import Manifest


@dataclass(frozen=True)
class FilePrecisions:
    """The operations of one whole program.

    Attributes:
        name: format, precision and size of the file.
        totals: precision → operations.
        kinds: (kind, precision → operations), the most frequent first.
        not_int8: what the recipe has in int8 and the file has not.
    """

    name: str
    totals: dict[str, int]
    kinds: tuple[tuple[str, dict[str, int]], ...]
    not_int8: tuple[str, ...]


def file_precisions(manifest: Manifest) -> list[FilePrecisions]:
    """Return the precisions of every program file whose operations the manifest lists."""
    found = []
    for file in manifest.files:
        if file.stage != "program" or not file.operations:
            continue
        totals: Counter[str] = Counter()
        for counts in file.operations.values():
            totals.update(counts)
        kinds = sorted(file.operations.items(), key=lambda item: (-sum(item[1].values()), item[0]))
        name = f"{file.format} {file.precision} {file.size}"
        found.append(FilePrecisions(name, dict(totals), tuple(kinds), file.not_int8))
    return found
