import numpy as np
from ldikit.export.palette import palette


def test_four_clusters_are_found_and_every_weight_has_the_nearest():
    weight = np.array([[-1.2, 2.1, -0.8, 0.1], [5.1, -0.1, 1.9, 4.9]], np.float32)
    values, indices = palette(weight, 2)
    assert np.allclose(values, [-1.0, 0.0, 2.0, 5.0], atol=1e-6)
    assert values.dtype == np.float32
    assert indices.tolist() == [0, 2, 0, 1, 3, 1, 2, 3]
    assert indices.dtype == np.uint8


def test_fewer_values_than_places_are_kept_exactly():
    weight = np.array([0.0, 0.0, 0.5, 0.5, 0.5, 0.0], np.float32)
    values, indices = palette(weight, 4)
    assert values.shape == (16,)
    assert np.array_equal(values[indices], weight)


def test_more_bits_round_finer():
    weight = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    errors = [
        np.abs(values[indices] - weight).mean() for values, indices in map(palette, [weight] * 2, (4, 6))
    ]
    # 16 values at best: the mean error of Lloyd's quantiser of a normal distribution, about 0.08.
    assert errors[0] < 0.09
    assert errors[1] < errors[0] / 3
