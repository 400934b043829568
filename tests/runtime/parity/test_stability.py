import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.parity.stability import gain

X = np.linspace(0, 1, 50)


def test_a_linear_function_has_its_slope():
    assert gain(lambda x: 3 * x + 1, X, 1e-3)["output"] == pytest.approx({"max": 3, "l1": 3})


def test_max_and_l1_differ_where_only_part_amplifies():
    # Half the values pass ×4, half vanish: the largest change is in the half that counts, or nearly.
    half = np.where(np.arange(50) < 25, 4.0, 0.0)
    found = gain(lambda x: half * x, X, 1e-3, seed=1)["output"]
    noise = np.random.default_rng(1).uniform(-1e-3, 1e-3, 50)
    moved = (X + noise) - X
    assert found["max"] == pytest.approx(4 * np.abs(moved[:25]).max() / np.abs(moved).max())
    assert found["l1"] == pytest.approx(4 * np.abs(moved[:25]).sum() / np.abs(moved).sum())


def test_a_threshold_amplifies_without_bound():
    found = gain(lambda x: (x > 0.5).astype(float), np.full(50, 0.5), 1e-4)["output"]
    assert found["max"] > 9000


def test_named_inputs_and_outputs():
    def stage(inputs):
        return {"sum": inputs["a"] + inputs["b"], "first": inputs["a"][:1], "none": np.zeros(2)}

    found = gain(stage, {"a": np.zeros(400), "b": np.ones(400)}, 1e-2)
    assert set(found) == {"sum", "first", "none"}
    assert 1.8 < found["sum"]["max"] <= 2
    # mean |e₁ + e₂| of two uniforms is 2/3 ε, of one 1/2 ε
    assert found["sum"]["l1"] == pytest.approx(4 / 3, rel=0.1)
    assert found["none"] == {"max": 0, "l1": 0}


def test_same_seed_same_figures():
    assert gain(np.sin, X, 1e-3, seed=4) == gain(np.sin, X, 1e-3, seed=4)
    assert gain(np.sin, X, 1e-3, seed=4) != gain(np.sin, X, 1e-3, seed=5)


def test_refusals():
    with pytest.raises(InputError, match="above 0"):
        gain(np.sin, X, 0)
    with pytest.raises(InputError, match="lost in the input's precision"):
        gain(np.sin, np.ones(4, np.float32), 1e-12)
    with pytest.raises(InputError, match="not finite"):
        gain(lambda x: x * np.nan, X, 1e-3)
