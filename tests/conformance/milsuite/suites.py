"""Which tests there are: two suites of coremltools, and a choice among them that stays the same."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Suite:
    """One of coremltools' suites.

    Attributes:
        name: what it is called on the command line.
        title: what it is called in the report.
        folder: where its tests are, inside the installed coremltools package.
        sample: the part of its tests that is run by default: about 3 minutes on two cores for both suites.
        each: whether a sample also has one case of every test function.
        least: the part of the counted tests that must pass.
    """

    name: str
    title: str
    folder: str
    sample: float
    each: bool
    least: float


SUITES = {
    suite.name: suite
    for suite in (
        Suite("ops", "Operations", "converters/mil/mil/ops/tests", 0.03, True, 0.995),
        Suite("torch", "Torch frontend", "converters/mil/frontend/torch/test", 0.01, False, 0.99),
    )
}

_ADDRESS = re.compile(r"0x[0-9a-f]+")


def number(node: str) -> int:
    """A number below 2^32 that belongs to a test: the same on every machine and in every run.

    Args:
        node: pytest's name of the test. Addresses of objects in it change from run to run and are left out.
    """
    return int.from_bytes(sha256(_ADDRESS.sub("", node).encode()).digest()[:4], "big")


def sample(nodes: Iterable[str], fraction: float, each: bool = False) -> list[str]:
    """Choose tests by their numbers; a larger sample holds all of a smaller one.

    Args:
        nodes: pytest's names of all tests of a suite.
        fraction: the part of them to choose.
        each: choose one case of every test function beside them.

    Returns:
        The chosen ones in the order of their numbers, so that a run cut short is a smaller sample.
    """
    ordered = sorted(nodes, key=number)
    first: dict[str, str] = {}
    for node in ordered:
        first.setdefault(node.split("[")[0], node)
    return [
        node
        for node in ordered
        if number(node) < fraction * 2**32 or (each and first[node.split("[")[0]] == node)
    ]


def shard(node: str, shards: int) -> int:
    """Which of several processes runs the test; independent of `sample`."""
    return int.from_bytes(sha256(f"shard {_ADDRESS.sub('', node)}".encode()).digest()[:4], "big") % shards
