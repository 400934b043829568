"""The ledger of what exporters replaced: the program's operations against those of the file (DESIGN §4)."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ..reference.errors import InputError
from ..runtime.manifest import ModelFile, Substitution
from .counterparts import ADDED, COUNTERPARTS, NO_ARITHMETIC, REPLACED
from .half import PINNED_REASON
from .half import REASON as HALF_REASON
from .protocol import Replacement
from .stages import StageProgram

Tensors = Mapping[str, np.ndarray]


class _Recorder(TorchDispatchMode):
    """Counts the ATen operations that run."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def program_operations(stage: StageProgram) -> Counter[str]:
    """Count the ATen operations of a stage by running it once; those that move no numbers are left out."""
    module, example = stage.module, stage.example()
    with torch.no_grad(), _Recorder() as recorder:
        module(*example)
    return Counter({name: n for name, n in recorder.counts.items() if name not in NO_ARITHMETIC})


def replacements(
    format: str, stage: StageProgram, found: Counter[str], single: int = 0
) -> tuple[Replacement, ...]:
    """Compare the operations of a file with those of its stage.

    Args:
        format: of the file.
        stage: what was converted.
        found: the file's operations by kind.
        single: for half precision: how many operations were kept in single precision.

    Returns:
        What was folded, every operation that has no counterpart of its own in the file, every operation of
        the file that the program does not have, and what was kept in single precision.
    """
    ledger = []
    if stage.folded:
        ledger.append(
            Replacement(
                f"batch_norm ({stage.folded}×)",
                "weight and bias of the convolution before it",
                "folded before export, so that every format holds the same weights",
            )
        )
    wanted = program_operations(stage)
    explained: set[str] = set()
    for name, count in sorted(wanted.items()):
        own = COUNTERPARTS.get(name, {}).get(format, frozenset())
        explained |= own
        if own & set(found):
            continue
        replacement, reason, kinds = REPLACED.get((format, name), (None, None, frozenset()))
        if replacement is None or not kinds <= set(found):
            replacement, reason = "none of its own", "left out or decomposed by the converter"
        explained |= kinds
        ledger.append(Replacement(f"{name} ({count}×)", replacement, str(reason)))
    for kind, count in sorted(found.items()):
        if kind not in explained:
            operation, reason = ADDED.get((format, kind), ("nothing", "added by the converter"))
            ledger.append(Replacement(operation, f"{kind} ({count}×)", reason))
    if single:
        ledger.append(Replacement("half precision", f"single precision in {single} operations", HALF_REASON))
        if stage.pinned:
            modules = ", ".join(sorted(stage.pinned))
            ledger.append(Replacement("half precision", f"single precision in {modules}", PINNED_REASON))
    return tuple(ledger)


def measured_error(run: Callable[[Tensors], Tensors], inputs: Tensors, expected: Tensors) -> float:
    """Return the largest absolute difference over all outputs of a file.

    Args:
        run: maps canonical tensors by name to canonical tensors by name.
        inputs: the golden inputs.
        expected: what the reference makes of them.

    Returns:
        The error; infinity if a value is not finite.
    """
    outputs = run(inputs)
    worst = 0.0
    for name, wanted in expected.items():
        difference = np.abs(outputs[name].astype(np.float64) - wanted)
        worst = max(worst, float(difference.max()) if np.isfinite(difference).all() else float("inf"))
    return worst


def ledger(entry: ModelFile, found: tuple[Replacement, ...], error: float) -> tuple[Substitution, ...]:
    """Return the manifest's entries for what was replaced in one file.

    Raises:
        InputError: the file gives values that are not finite; such a file is not put into a bundle.
    """
    if not np.isfinite(error):
        raise InputError(
            f"{entry.format} {entry.precision} at {entry.size} gives values that are not finite on the "
            "golden photo: the network overflows in this precision"
        )
    return tuple(
        Substitution(entry.format, entry.precision, entry.size, r.operation, r.replacement, r.reason, error)
        for r in found
    )
