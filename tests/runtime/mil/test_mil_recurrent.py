"""Recurrent layers and scatters against torch and against loops in NumPy."""

import numpy as np
import pytest
import torch
from ldikit.reference.errors import InputError

SEQUENCE = np.random.default_rng(3).standard_normal((5, 2, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def mb():
    pytest.importorskip("coremltools")
    from coremltools.converters.mil.mil import Builder

    return Builder


def reordered(values, order):
    """Gates of torch (input, forget, cell, output; reset, update, new) in another order."""
    parts = np.split(values.detach().numpy(), len(order))
    return np.concatenate([parts[i] for i in order])


def weights(layer, order, suffix=""):
    return {
        "weight_ih": reordered(getattr(layer, f"weight_ih_l0{suffix}"), order),
        "weight_hh": reordered(getattr(layer, f"weight_hh_l0{suffix}"), order),
        "bias": reordered(
            getattr(layer, f"bias_ih_l0{suffix}") + getattr(layer, f"bias_hh_l0{suffix}"), order
        ),
    }


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_lstm(build, mb, direction):
    torch.manual_seed(0)
    both = direction == "bidirectional"
    layer = torch.nn.LSTM(4, 3, bidirectional=both)
    order = (0, 1, 3, 2)
    arguments = weights(layer, order)
    if both:
        arguments |= {f"{k}_back": v for k, v in weights(layer, order, "_reverse").items()}
    zeros = np.zeros((2, 6 if both else 3), np.float32)

    def program(x):
        result = {"x": x, "initial_h": zeros, "initial_c": zeros, "direction": direction, **arguments}
        whole, h, c = mb.lstm(output_sequence=True, **result)
        last, _, _ = mb.lstm(**result)
        return {"whole": whole, "h": h, "c": c, "last": last}

    got = build(program, SEQUENCE.shape).predict({"x": SEQUENCE})
    fed = SEQUENCE[::-1].copy() if direction == "reverse" else SEQUENCE
    with torch.no_grad():
        whole, (h, c) = layer(torch.from_numpy(fed))
    # Core ML lays directions side by side, and leaves a reversed sequence in the order of its computation.
    assert np.allclose(got["whole"], whole, atol=1e-6)
    assert np.allclose(got["h"], torch.cat(list(h), -1), atol=1e-6)
    assert np.allclose(got["c"], torch.cat(list(c), -1), atol=1e-6)
    assert np.allclose(got["last"][0], got["h"], atol=1e-6)


def test_lstm_with_peepholes_and_clip(build, mb):
    rng = np.random.default_rng(1)
    w_x, w_h, b, p = (rng.standard_normal(s).astype(np.float32) * 0.7 for s in ((8, 4), (8, 2), (8,), (6,)))
    zeros = np.zeros((2, 2), np.float32)

    def program(x):
        _, h, c = mb.lstm(
            x=x, initial_h=zeros, initial_c=zeros, weight_ih=w_x, weight_hh=w_h, bias=b, peephole=p,
            clip=np.float32(0.3), activation="scaled_tanh", cell_activation="relu", output_sequence=True,
        )  # fmt: skip
        return {"h": h, "c": c}

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    h = c = np.zeros((2, 2))
    for x in SEQUENCE:
        i, f, o, z = np.split(x @ w_x.T + h @ w_h.T + b, 4, -1)
        i, f = sigmoid(i + c * p[:2]), sigmoid(f + c * p[2:4])
        c = np.clip(f * c + i * np.maximum(z, 0), -0.3, 0.3)
        h = sigmoid(o + c * p[4:]) * np.tanh(c)
    got = build(program, SEQUENCE.shape).predict({"x": SEQUENCE})
    assert np.abs(c).max() == 0.3
    assert np.allclose(got["c"], c, atol=1e-6)
    assert np.allclose(got["h"], h, atol=1e-6)


def test_gru_with_the_reset_after_the_product_is_that_of_torch(build, mb):
    torch.manual_seed(0)
    layer = torch.nn.GRU(4, 3)
    order = (0, 2, 1)
    arguments = weights(layer, order)
    arguments |= {
        "bias": reordered(layer.bias_hh_l0, order),
        "input_bias": reordered(layer.bias_ih_l0, order),
    }

    def program(x):
        zeros = np.zeros((2, 3), np.float32)
        whole, h = mb.gru(x=x, initial_h=zeros, reset_after=True, output_sequence=True, **arguments)
        return {"whole": whole, "h": h}

    got = build(program, SEQUENCE.shape, target="iOS18").predict({"x": SEQUENCE})
    with torch.no_grad():
        whole, h = layer(torch.from_numpy(SEQUENCE))
    assert np.allclose(got["whole"], whole, atol=1e-6)
    assert np.allclose(got["h"], h[0], atol=1e-6)


def test_rnn(build, mb):
    torch.manual_seed(0)
    layer = torch.nn.RNN(4, 3, nonlinearity="relu")

    def program(x):
        zeros = np.zeros((2, 3), np.float32)
        last, h = mb.rnn(x=x, initial_h=zeros, activation="relu", **weights(layer, (0,)))
        return {"last": last, "h": h}

    got = build(program, SEQUENCE.shape).predict({"x": SEQUENCE})
    with torch.no_grad():
        _, h = layer(torch.from_numpy(SEQUENCE))
    assert got["last"].shape == (1, 2, 3)
    assert np.allclose(got["h"], h[0], atol=1e-6)


COMBINE = {
    "update": lambda old, new: new,
    "add": lambda old, new: old + new,
    "sub": lambda old, new: old - new,
    "mul": lambda old, new: old * new,
    "div": lambda old, new: old / new,
    "max": max,
    "min": min,
}


@pytest.mark.parametrize("target", ["iOS15", "iOS17"])
def test_scatters_take_updates_one_after_another(build, mb, target):
    data = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    rows = np.array([2, 0, 2], np.int32)
    updates = np.array([[5, -2, 3, 0.5], [2, 4, 8, 16], [1, 2, -4, 8]], np.float32)
    pairs = np.array([[0, 1], [2, 3], [0, 1]], np.int32)
    along = np.array([[3, 0, 3], [1, 1, 1], [0, 2, 3]], np.int32)

    def program(x):
        result = {}
        for mode in COMBINE:
            result[f"rows_{mode}"] = mb.scatter(data=x, indices=rows, updates=updates, axis=0, mode=mode)
            result[f"pairs_{mode}"] = mb.scatter_nd(data=x, indices=pairs, updates=updates[:, 0], mode=mode)
            result[f"along_{mode}"] = mb.scatter_along_axis(
                data=x, indices=along, updates=updates[:, :3], axis=1, mode=mode
            )
        return result

    got = build(program, data.shape, target=target).predict({"x": data})
    for mode, combine in COMBINE.items():
        by_rows, by_pairs, by_place = data.copy(), data.copy(), data.copy()
        for row, update in zip(rows, updates, strict=True):
            by_rows[row] = [combine(a, b) for a, b in zip(by_rows[row], update, strict=True)]
        for (i, j), update in zip(pairs, updates[:, 0], strict=True):
            by_pairs[i, j] = combine(by_pairs[i, j], update)
        for i in range(3):
            for j in range(3):
                place = along[i, j]
                by_place[i, place] = combine(by_place[i, place], updates[i, j])
        assert np.allclose(got[f"rows_{mode}"], by_rows), mode
        assert np.allclose(got[f"pairs_{mode}"], by_pairs), mode
        assert np.allclose(got[f"along_{mode}"], by_place), mode


def test_an_index_outside_is_refused(build, mb):
    def program(x):
        return {
            "out": mb.scatter(data=x, indices=np.array([3], np.int32), updates=np.ones((1, 2), np.float32))
        }

    with pytest.raises(InputError, match=r"scatter.*indices 3..3 leave an axis of 3"):
        build(program, (3, 2)).predict({"x": np.zeros((3, 2), np.float32)})


def test_random_numbers_have_their_distributions_and_come_again(build, mb):
    def program(x):
        size = np.array([20000], np.int32)
        shares = np.log(np.array([[0.1, 0.2, 0.7]], np.float32))
        return {
            "uniform": mb.random_uniform(shape=size, low=np.float32(2), high=np.float32(4), seed=1),
            "normal": mb.random_normal(shape=size, mean=np.float32(1), stddev=np.float32(3), seed=2),
            "coin": mb.random_bernoulli(shape=size, prob=np.float32(0.25), seed=3),
            "kind": mb.random_categorical(x=shares, size=20000, seed=4),
            "next": mb.add(x=x, y=np.float32(1)),
        }

    model = build(program, (1,))
    got, again = (model.predict({"x": np.zeros(1, np.float32)}) for _ in range(2))
    for name in got:
        assert np.array_equal(got[name], again[name])
    assert 2 <= got["uniform"].min() < 2.01
    assert 3.99 < got["uniform"].max() < 4
    assert abs(got["uniform"].mean() - 3) < 0.02
    assert abs(got["normal"].mean() - 1) < 0.08
    assert abs(got["normal"].std() - 3) < 0.08
    assert set(got["coin"].tolist()) == {0, 1}
    assert abs(got["coin"].mean() - 0.25) < 0.02
    counts = np.bincount(got["kind"].ravel().astype(int), minlength=3) / 20000
    assert np.allclose(counts, [0.1, 0.2, 0.7], atol=0.02)
