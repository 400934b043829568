"""Interleaving, percentiles, drift and ratios, against values worked out by hand."""

import pytest
from ldikit.runtime.profiling.timing import find_drift, interleave, paired_ratio, summarise


class Clock:
    """Time that only passes when a candidate runs."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def make(clock, log, name, ms):
    def run():
        log.append(name)
        clock.seconds += ms / 1000
        return float(ms)

    return run


def test_every_round_runs_all_and_starts_one_further():
    clock, log = Clock(), []
    candidates = {name: make(clock, log, name, 10) for name in "abc"}
    samples = interleave(candidates, budget_s=0, clock=clock, fewest=4)
    assert "".join(log) == "abc" + "bca" + "cab" + "abc"
    assert samples == {name: [10.0] * 4 for name in "abc"}


def test_budget_counts_whole_rounds_that_fit():
    # A round takes 30 ms: the tenth ends at 300 ms, the eleventh would end at 330.
    clock, log = Clock(), []
    candidates = {"a": make(clock, log, "a", 10), "b": make(clock, log, "b", 20)}
    samples = interleave(candidates, budget_s=0.301, clock=clock)
    assert [len(samples["a"]), len(samples["b"])] == [10, 10]


def test_most_rounds_end_a_cheap_measurement():
    clock, log = Clock(), []
    samples = interleave({"a": make(clock, log, "a", 1)}, budget_s=1e9, clock=clock, most=7)
    assert len(samples["a"]) == 7


def test_nothing_to_measure_ends_at_once():
    assert interleave({}, budget_s=1e9) == {}


def test_percentiles():
    # Linear between samples: p90 of 1…11 lies at index 9 → 10; p99 at 9.9 → 10.9.
    latency = summarise([11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert (latency.p50, latency.p90, latency.p99) == pytest.approx((6, 10, 10.9))
    assert (latency.mean, latency.n) == (6, 11)


@pytest.mark.parametrize(
    ("samples", "share", "flagged"),
    [([10, 10, 10, 10.9, 10.9], 0.09, False), ([10, 10, 99, 12, 12], 0.2, True), ([20, 10], -0.5, True)],
)
def test_drift_between_the_halves(samples, share, flagged):
    drift = find_drift(samples)
    assert drift.share == pytest.approx(share)
    assert drift.flagged is flagged


def test_paired_ratio_cancels_what_slows_both():
    # The machine is three times slower in the last round: medians alone would give 20/20.
    assert paired_ratio([5, 20, 60, 15], [10, 40, 120, 30]) == pytest.approx(0.5)
