"""Finding few layers to leave float so that a test passes, with few tests."""

from collections.abc import Callable, Collection, Sequence

Test = Callable[[frozenset[str], bool], bool]
"""Says whether the gates are passed with these layers float; the second argument says that nothing but the
answer is wanted, so that the test may stop at the first photo that fails."""


def fewest_float(
    order: Sequence[str], test: Test, needed: Collection[str] = ()
) -> tuple[frozenset[str], bool]:
    """Return layers to leave float, and whether the test passes with them.

    Halving finds how many of the order it takes; then each of them is returned to int8, the least useful
    first, and stays int8 where the test still passes. That needs about log₂(n) tests and one for each layer
    taken. It finds the fewest of the order where each layer left float helps; the result always has passed
    the test itself.

    Args:
        order: all layers that may be left float, the most useful for its cost first.
        test: see `Test`.
        needed: layers of the order that are left float in any case where not all can be int8.
    """
    if test(frozenset(), False):
        return frozenset(), True
    if not order or not test(frozenset(order), False):
        return frozenset(order), False
    sure = [layer for layer in order if layer in needed]
    rest = [layer for layer in order if layer not in needed]
    # Nothing at all has failed already; how `sure` does alone is still to be seen.
    failed, passed = 0 if not sure else -1, len(rest)
    while passed - failed > 1:
        middle = (passed + failed) // 2
        if test(frozenset(sure + rest[:middle]), False):
            passed = middle
        else:
            failed = middle
    chosen = frozenset(sure + rest[:passed])
    # The last was just found to be needed.
    for layer in reversed(rest[: max(passed - 1, 0)]):
        if test(chosen - {layer}, True):
            chosen -= {layer}
    return chosen, True
