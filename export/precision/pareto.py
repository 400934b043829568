"""The variants that no other beats: smaller or faster, or closer to the reference, and worse in neither."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def pareto_front(
    items: Sequence[Item], quality: Callable[[Item], float | None], cost: Callable[[Item], float]
) -> list[Item]:
    """Return the items that are not dominated, the cheapest first.

    One item dominates another when its quality is no lower, its cost no higher, and one of both better. Of
    equal ones the first stays.

    Args:
        items: to choose from.
        quality: larger is better; an item of which it is None takes no part.
        cost: smaller is better.
    """
    measured = [(item, value) for item in items if (value := quality(item)) is not None]
    front: list[Item] = []
    best = float("-inf")
    # Sorting is stable: of equal ones the first comes first.
    for item, value in sorted(measured, key=lambda pair: (cost(pair[0]), -pair[1])):
        if value > best:
            front.append(item)
            best = value
    return front
