"""Core ML packages: what is documented to keep an operation off the Neural Engine or the GPU.

Core ML decides when it loads a model, and tells on a Mac alone (coremltools' MLComputePlan). What is known
before is a short list of what does not go; everything else counts as taken.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..mil import load
from ..mil.program import Block, Constant, Operation
from .readiness import Node, Readiness, by_type, count_partitions, rewrites
from .rules import ANE, APPLE_GPU, DILATED, HINTS, METAL, NEURAL_ENGINE, Rules

_CAVEAT = "no list of what is taken is documented: Core ML decides on the device (MLComputePlan on a Mac)"


def lint_coreml(path: Path, name: str) -> list[Readiness]:
    """Judge one package.

    Args:
        path: of the package.
        name: its path in the bundle.

    Raises:
        InputError: it cannot be read.
        MissingExtraError: the library that reads it is not installed.
    """
    function = load(path).function
    operations = [o for o in function.operations if not o.kind.startswith("constexpr_")]
    return [
        _readiness(name, target, rules, function, operations)
        for target, rules in ((NEURAL_ENGINE, ANE), (APPLE_GPU, METAL))
    ]


def _readiness(
    name: str, target: str, rules: Rules, function: Block, operations: Sequence[Operation]
) -> Readiness:
    reasons = [_refused(operation, rules, function.constants) for operation in operations]
    nodes = [
        Node(
            operation.kind,
            tuple(v for values in operation.inputs.values() for v in values if isinstance(v, str)),
            tuple(value.name for value in operation.outputs),
        )
        for operation in operations
    ]
    breaking = by_type([reason for reason in reasons if reason])
    taken = [reason is None for reason in reasons]
    return Readiness(
        name,
        target,
        len(nodes),
        sum(taken),
        count_partitions(nodes, taken),
        breaking,
        measured=False,
        source=rules.source,
        rewrite=rewrites(breaking, HINTS[target]),
        caveats=(_CAVEAT,),
    )


def _refused(operation: Operation, rules: Rules, constants: Mapping[str, Constant]) -> str | None:
    """Name what keeps an operation off; None where nothing is known to."""
    if operation.kind in rules.refused:
        return operation.kind
    if DILATED in rules.refused and operation.kind == "conv" and _dilated(operation, constants):
        return DILATED
    for value in operation.outputs:
        if rules.types is not None and value.type.dtype.name not in rules.types:
            return value.type.dtype.name
        if rules.most_axes is not None and len(value.type.shape or ()) > rules.most_axes:
            return f"more axes than {rules.most_axes}"
    return None


def _dilated(operation: Operation, constants: Mapping[str, Constant]) -> bool:
    given = operation.inputs.get("dilations", ())
    found = [constants.get(value) if isinstance(value, str) else value for value in given]
    return any(value is not None and (value.data > 1).any() for value in found)
