"""What is found about one file and one accelerator."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Readiness:
    """One file on one accelerator.

    Attributes:
        file: path in the bundle.
        target: the accelerator, as `rules.TARGETS` names it.
        operations: that the file runs, constants left out.
        taken: how many of them the accelerator takes.
        partitions: into how many pieces what it takes falls; each costs a way there and back.
        breaking: operations that it does not take, by type and reason.
        measured: whether the runtime itself told (else rules did).
        source: of the rules or of the measurement, with its version.
        rewrite: what to change, by type of operation.
        caveats: what the source says that it has not checked.
    """

    file: str
    target: str
    operations: int
    taken: int
    partitions: int
    breaking: dict[str, int]
    measured: bool
    source: str
    rewrite: dict[str, str] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes:
        kind: its type.
        inputs, outputs: the values, constants left out.
    """

    kind: str
    inputs: tuple[object, ...]
    outputs: tuple[object, ...]


def count_partitions(nodes: Sequence[Node], taken: Sequence[bool]) -> int:
    """Count the pieces that a runtime hands to its delegate: as few as the order of the data allows.

    Greedily, as LiteRT does (tensorflow/lite/graph_info.cc): all that can run now and is taken makes one
    piece, then all that can run and is not, and so on by turns.

    Args:
        nodes: in an order in which they can run.
        taken: of each, whether the delegate takes it.
    """
    waiting = list(range(len(nodes)))
    made = {value for node in nodes for value in node.outputs}
    ready: set[object] = set()
    count, turn, idle = 0, True, 0
    while waiting:
        rest = []
        for index in waiting:
            node = nodes[index]
            if taken[index] == turn and all(v in ready or v not in made for v in node.inputs):
                ready.update(node.outputs)
            else:
                rest.append(index)
        count += turn and len(rest) < len(waiting)
        idle = idle + 1 if len(rest) == len(waiting) else 0
        if idle == 2:
            break  # no order of these can run: a damaged file
        waiting, turn = rest, not turn
    return count


def by_type(kinds: Sequence[str]) -> dict[str, int]:
    """Count the names, the most frequent first."""
    counts: dict[str, int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def rewrites(breaking: Mapping[str, int], hints: Mapping[str, str]) -> dict[str, str]:
    """Return the hints that suit operations which break a run: of a type, whatever the reason."""
    found = {}
    for name in breaking:
        hint = hints.get(name.split(" (")[0])
        if hint:
            found[name] = hint
    return found
