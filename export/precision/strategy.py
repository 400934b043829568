"""Finding few layers to leave float so that a test passes, with few tests."""

from collections.abc import Callable, Sequence

Test = Callable[[frozenset[str], bool], bool]
"""Says whether the gates are passed with these layers float; the second argument says that nothing but the
answer is wanted, so that the test may stop at the first photo that fails."""


def fewest_float(order: Sequence[str], test: Test) -> tuple[frozenset[str], bool]:
    """Return layers to leave float, and whether the test passes with them.

    Layers are left float in order, twice as many each time, until the test passes; halving the last step
    finds how many of the order it takes; then each of them is returned to int8, the least useful first, and
    stays int8 where the test still passes. That needs about 2·log₂(n) tests and one for each layer taken. It
    finds the fewest of the order where each layer left float helps; the result always has passed the test
    itself.

    Args:
        order: all layers that may be left float, the most useful for its cost first.
        test: see `Test`.
    """
    if test(frozenset(), False):
        return frozenset(), True
    failed, passed = 0, 0
    while not passed:
        if failed == len(order):
            return frozenset(order), False
        count = min(2 * failed or 1, len(order))
        if test(frozenset(order[:count]), False):
            passed = count
        else:
            failed = count
    while passed - failed > 1:
        middle = (passed + failed) // 2
        if test(frozenset(order[:middle]), False):
            passed = middle
        else:
            failed = middle
    chosen = list(order[:passed])
    # The last was just found to be needed.
    for layer in reversed(chosen[:-1]):
        fewer = frozenset(chosen) - {layer}
        if test(fewer, True):
            chosen.remove(layer)
    return frozenset(chosen), True
