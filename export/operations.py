"""The manifest's account of a file: which operations are computed in which precision."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..runtime.manifest import ModelFile
from ..runtime.scales.found import OperationPrecision
from ..runtime.scales.readers import read_operations
from ..runtime.scales.slots import Slots


def with_operations(entry: ModelFile, path: Path, slots: Slots | None) -> ModelFile:
    """Return a manifest entry with `operations` and `not_int8` as the file at `path` has them.

    Args:
        entry: of the file.
        path: where the file lies.
        slots: what of it was to be int8; None for a float file.
    """
    found = read_operations(entry.format, path, slots)
    return replace(entry, operations=table(found), not_int8=not_int8(found))


def table(operations: Iterable[OperationPrecision]) -> dict[str, dict[str, int]]:
    """Count operations by kind and precision, both sorted."""
    counts: dict[str, Counter[str]] = {}
    for operation in operations:
        counts.setdefault(operation.kind, Counter())[operation.precision] += 1
    return {kind: dict(sorted(counts[kind].items())) for kind in sorted(counts)}


def not_int8(operations: Iterable[OperationPrecision]) -> tuple[str, ...]:
    """Name every operation of the recipe that is not computed in int8."""
    return tuple(
        f"{operation.slot}: {operation.kind} in {operation.precision}"
        for operation in operations
        if operation.slot is not None and operation.precision != "int8"
    )
