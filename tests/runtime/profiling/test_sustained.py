"""Sustained runs and the interval of a median, against values worked out by hand."""

import os

import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.profiling.compare import FASTER, SAME, SLOWER, UNSURE, judge
from ldikit.runtime.profiling.host import this_host
from ldikit.runtime.profiling.process import Worker
from ldikit.runtime.profiling.profile import _cores
from ldikit.runtime.profiling.sustained import sustain
from ldikit.runtime.profiling.timing import median_interval, summarise


def run_for(times_ms, seconds):
    """Sustain a candidate that takes these milliseconds, one after the other, and then the last."""
    state = {"now": 0.0, "left": list(times_ms)}

    def call():
        ms = state["left"].pop(0) if len(state["left"]) > 1 else state["left"][0]
        state["now"] += ms / 1000
        return ms

    return sustain("a", 1, call, seconds, clock=lambda: state["now"])


def test_a_candidate_that_heats_up_is_flagged():
    # Six seconds: ten runs of 100 ms a window; from the fourth second on they take 200 ms.
    found = run_for([100.0] * 30 + [200.0], 6.0)
    assert found.windows_ms == (100, 100, 100, 200, 200, 200)
    assert found.slowdown == pytest.approx(1.0)
    assert found.flagged


def test_a_steady_candidate_is_not():
    found = run_for([62.5], 3.0)
    assert found.runs == 48
    assert (found.slowdown, found.flagged) == (0, False)


def test_a_run_longer_than_a_window_stands_for_it():
    # 2.5 s a run in 6 windows of 1 s: runs end at 2.5, 5 and 7.5.
    found = run_for([2500.0], 6.0)
    assert found.runs == 3
    assert len(found.windows_ms) == 4


@pytest.mark.parametrize(
    ("n", "bounds"),
    [
        (5, None),  # both ends hold 1 − 2/32 = 93.75 %
        (6, (1, 6)),  # 1 − 2/64 = 96.9 %
        (9, (2, 8)),  # 1 − 2·(1 + 9)/512 = 96.1 %
        (10, (2, 9)),  # 1 − 2·(1 + 10)/1024 = 97.9 %
        (100, (40, 61)),  # the table of Conover, Practical Nonparametric Statistics
    ],
)
def test_the_interval_of_a_median_is_two_order_statistics(n, bounds):
    values = list(range(n, 0, -1))
    assert median_interval(values) == bounds


def test_the_interval_covers_the_true_median_as_often_as_it_says():
    np = pytest.importorskip("numpy")
    draws = np.random.default_rng(0).exponential(size=(2000, 15))
    inside = [low <= np.log(2) <= high for low, high in map(median_interval, draws)]
    # Exactly 1 − 2·P(Binomial(15, ½) ≤ 3) = 96.5 %.
    assert np.mean(inside) == pytest.approx(0.965, abs=0.012)


def test_two_latencies_differ_where_their_intervals_lie_apart():
    def latency(ms):
        return summarise([ms * (1 + 0.001 * index) for index in range(-5, 6)])

    assert judge(latency(100), latency(90)) == FASTER
    assert judge(latency(100), latency(110)) == SLOWER
    # Apart, and by less than two sessions differ.
    assert judge(latency(100), latency(102)) == SAME
    assert judge(latency(100), latency(100)) == SAME
    assert judge(latency(100), latency(50), drifted=True) == UNSURE
    assert judge(summarise([1.0, 1.0]), latency(1)) == UNSURE


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no processes")
def test_a_worker_runs_on_the_cores_that_were_chosen():
    first = min(os.sched_getaffinity(0))
    with Worker(1, [first]) as worker:
        with pytest.raises(InputError):
            worker.ask("nothing")  # it is up and answers
        assert os.sched_getaffinity(worker._process.pid) == {first}
    assert _cores([first], this_host()) == 1
    with pytest.raises(InputError, match=r"cores \[9999\] cannot be used; usable"):
        _cores([9999], this_host())
