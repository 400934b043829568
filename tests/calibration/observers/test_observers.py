import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ldikit.calibration.observers import Observer, observers
from ldikit.calibration.observers.entropy import divergence
from ldikit.calibration.observers.percentile import PercentileObserver
from ldikit.reference.errors import InputError
from ldikit.reference.quantized.affine import affine_parameters

NAMES = ("entropy", "minmax", "moving_average", "mse", "percentile")
BY_HISTOGRAM = ("entropy", "mse", "percentile")


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def heavy(seed, count, degrees=3):
    return torch.from_numpy(np.random.default_rng(seed).standard_t(degrees, count).astype(np.float32))


def observed(name, *parts):
    observer = observers.get(name)()
    for part in parts:
        observer.observe(part)
    for _ in range(len(parts), observer.min_samples):
        observer.observe(parts[-1])
    return observer.range()


def rounding_error(values, low, high):
    """Mean squared error of the values themselves after asymmetric int8."""
    scale, zero_point = affine_parameters(low, high)
    values = values.double()
    codes = (torch.round(values / scale) + zero_point).clamp(-128, 127)
    return float((((codes - zero_point) * scale - values) ** 2).mean())


def test_each_is_registered_under_its_name():
    assert tuple(observers) == NAMES
    for name in NAMES:
        made = observers.get(name)()
        assert isinstance(made, Observer) and made.name == name and made.min_samples >= 1


@pytest.mark.parametrize("name", NAMES)
def test_too_few_photos_say_how_many_are_needed(name):
    observer = observers.get(name)()
    for _ in range(observer.min_samples):
        with pytest.raises(InputError, match=f"{name} observer needs at least {observer.min_samples} "):
            observer.range()
        observer.observe(torch.tensor([0.0, 1.0]))
    assert observer.range().high == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_one_clear_line(name, bad):
    with pytest.raises(InputError, match="not finite") as caught:
        observers.get(name)().observe(torch.tensor([[0.0, bad]]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 0.5, -7.25])
def test_a_constant_has_a_range_of_nothing(name, value):
    found = observed(name, torch.full((2, 3), value))
    assert (found.low, found.high) == (value, value)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-50, 50, width=32, allow_subnormal=False), min_size=1, max_size=20),
        min_size=1,
        max_size=3,
    )
)
def test_the_range_lies_within_the_data(name, parts):
    found = observed(name, *(torch.tensor(part) for part in parts))
    values = [value for part in parts for value in part]
    slack = 1e-6 * max(abs(value) for value in values)
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack


@pytest.mark.parametrize("name", BY_HISTOGRAM)
def test_portions_and_order_make_no_difference(name):
    values = torch.cat([heavy(1, 4000), 3 * normal(2, 4000)])
    once, twice = observers.get(name)(), observers.get(name)()
    for _ in range(4):
        once.observe(values)
    for part in (*values.flip(0).split(2000),) * 4:
        twice.observe(part)
    assert once.range() == twice.range()


def test_minmax_is_that_of_torchao_and_onnxruntime():
    from torchao.quantization.pt2e.observer import MinMaxObserver

    theirs, parts = MinMaxObserver(dtype=torch.int8), [normal(i, 3, 50) for i in range(4)]
    for part in parts:
        theirs(part)
    found = observed("minmax", *parts)
    assert (found.low, found.high) == (float(theirs.min_val), float(theirs.max_val))


def test_the_moving_average_is_that_of_torchao():
    from torchao.quantization.pt2e.observer import MovingAverageMinMaxObserver

    theirs, parts = MovingAverageMinMaxObserver(dtype=torch.int8), [normal(i, 50) * i for i in range(1, 21)]
    for part in parts:
        theirs(part)
    found = observed("moving_average", *parts)
    assert found.low == pytest.approx(float(theirs.min_val), rel=1e-6)
    assert found.high == pytest.approx(float(theirs.max_val), rel=1e-6)
    # By hand: 1, then 15 photos that reach 101.
    by_hand = observed("moving_average", torch.tensor([0.0, 1.0]), *[torch.tensor([0.0, 101.0])] * 15)
    assert by_hand.high == pytest.approx(101 - 100 * 0.99**15)


def test_the_percentile_leaves_out_its_share_and_no_more():
    # 0 to 4095, each four times over: bins of 1. 99 % leave 81 values out at each end: 20 bins, 1 value.
    values = torch.arange(4096.0)
    observer = PercentileObserver(99)
    for _ in range(4):
        observer.observe(values)
    found = observer.range()
    assert (found.low, found.high) == (20.0, 4076.0)
    nothing_left_out = PercentileObserver(100)
    for _ in range(4):
        nothing_left_out.observe(values)
    assert (nothing_left_out.range().low, nothing_left_out.range().high) == (0.0, 4095.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_percentile_is_that_of_numpy_to_a_bin(seed):
    values = heavy(seed, 200_000)
    found = observed("percentile", values)
    low, high = np.percentile(values.numpy(), (0.005, 99.995))
    width = 2 * float(values.max() - values.min()) / 2048
    assert low - width <= found.low <= low + 1e-6 and high - 1e-6 <= found.high <= high + width


def onnxruntime_range(method, values, **options):
    from onnxruntime.quantization.calibrate import HistogramCollector

    collector = HistogramCollector(
        method=method, symmetric=False, scenario="same", **{"percentile": None, **options}
    )
    collector.collect({"x": [values.numpy()]})
    return [float(end) for end in collector.compute_collection_result()["x"][:2]]


def test_the_percentile_is_that_of_onnxruntime_to_a_bin():
    values = normal(5, 100_000)
    theirs = onnxruntime_range("percentile", values, num_bins=4096, num_quantized_bins=128, percentile=99.99)
    found = observed("percentile", values)
    width = 2 * float(values.abs().max()) / 2048
    assert found.low == pytest.approx(theirs[0], abs=width)
    assert found.high == pytest.approx(theirs[1], abs=width)


def test_the_divergence_by_hand():
    # A range of 255 steps over 510 bins of half a step: each code but the first takes two, centres 0.25 and
    # 0.75 away from the bin edge rounding to different codes: code k takes the bins at k − 0.25 and k + 0.25.
    centers = np.arange(510) / 2 + 0.25
    counts = np.zeros(510, int)
    counts[[1, 2]] = 3, 1  # centres 0.75 and 1.25: both code 1
    counts[100] = 4  # alone in its code
    expected = 3 / 8 * math.log(3 / 2) + 1 / 8 * math.log(1 / 2)
    assert divergence(centers, counts, 0.0, 255.0) == pytest.approx(expected)
    # Cut to 0…25.5 at 0.1 a step every bin has a code of its own; the 4 outliers fall on an empty end bin.
    p, q = np.array([0.375, 0.125, 0.5]), np.array([3, 1, 1e-4]) / 4.0001
    assert divergence(centers, counts, 0.0, 25.5) == pytest.approx(float((p * np.log(p / q)).sum()))
    assert divergence(centers, counts, 0.0, 0.5) == math.inf
    counts[50] = 2  # centre 25.25, the last inside: now P there is 6 of 10, Q 2 of 6
    expected = 0.6 * math.log(0.6 / (2 / 6)) + 0.3 * math.log(0.3 / (3 / 6)) + 0.1 * math.log(0.1 / (1 / 6))
    assert divergence(centers, counts, 0.0, 25.5) == pytest.approx(expected)


def test_entropy_clips_about_where_onnxruntime_does():
    values = torch.cat([normal(7, 200_000), torch.tensor([40.0, -40.0])])
    theirs = onnxruntime_range("entropy", values, num_bins=2048, num_quantized_bins=128)
    found = observed("entropy", values)
    # Both drop the two lone outliers and keep the bulk.
    assert 3 < -found.low < 10 and 3 < found.high < 10
    assert 3 < theirs[1] < 10


def test_entropy_and_mse_cut_each_end_by_itself():
    values = torch.cat([normal(8, 100_000).clamp(-1, 4), torch.tensor([100.0])])
    entropy, mse = observed("entropy", values), observed("mse", values)
    assert -1.0 <= entropy.low <= -0.9 and 2.5 < entropy.high < 10
    # One value in 100 000 cut by c costs c²/100 000, rounding in steps of high/255 costs (high/255)²/12.
    assert -1.0 <= mse.low <= -0.9
    assert mse.high == pytest.approx(100 / (1 + 100_000 / 255**2 / 12), abs=5)


@pytest.mark.parametrize("name", ("entropy", "mse"))
def test_after_relu6_the_peaks_at_both_ends_stay(name):
    values = (2 * normal(9, 100_000)).clamp(0, 6)
    found = observed(name, values)
    assert (found.low, found.high) == (0.0, 6.0)


def test_after_a_relu_only_the_long_tail_is_cut():
    values = heavy(10, 200_000).relu()
    found = observed("mse", values)
    assert found.low == 0.0 and found.high < 0.9 * float(values.max())
    best = min(rounding_error(values, 0.0, float(values.max()) * i / 64) for i in range(4, 65))
    assert rounding_error(values, found.low, found.high) <= 1.01 * best  # the search is four times as fine


@pytest.mark.parametrize(
    "values",
    [heavy(11, 50_000), heavy(12, 50_000).abs() + 3, normal(13, 50_000) ** 3, -heavy(14, 50_000).relu()],
    ids=["both", "far", "cubed", "negative"],
)
def test_mse_is_no_worse_than_torchaos_search_nor_the_whole_range(values):
    from torchao.quantization.pt2e.observer import HistogramObserver

    theirs = HistogramObserver(dtype=torch.int8, qscheme=torch.per_tensor_affine)
    theirs(values)
    low, high = (float(end) for end in theirs._non_linear_param_search())
    found = observed("mse", values)
    ours = rounding_error(values, found.low, found.high)
    assert ours <= 1.01 * rounding_error(values, low, high)
    assert ours <= 1.001 * rounding_error(values, float(values.min()), float(values.max()))
