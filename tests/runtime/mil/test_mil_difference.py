"""Two programs on one input: errors worked out by hand, and the operation at which they begin to part."""

import math

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.mil import difference as module
from ldikit.runtime.mil.difference import compare, difference


@pytest.fixture(scope="module")
def chain(build):
    """chain(w, ...) → program x → first (×2) → second (×w) → third (+1) → y."""
    from coremltools.converters.mil import mil

    mb = mil.Builder

    def run(weight, outputs=("y",), **options):
        def program(x):
            first = mb.mul(x=x, y=np.float32(2), name="first")
            second = mb.mul(x=first, y=np.float32(weight), name="second")
            third = mb.add(x=second, y=np.float32(1), name="third")
            return {name: mb.sqrt(x=mb.abs(x=third)) for name in outputs}

        return build(program, (3,), **options)

    return run


X = {"x": np.array([1, -2, 4], np.float32)}


def test_error_and_sqnr_by_hand():
    found = difference("v", np.array([3.0, -4.0]), np.array([3.0, -3.5]))
    assert (found.max_abs, found.relative) == (0.5, 0.125)
    assert found.sqnr_db == pytest.approx(10 * math.log10(25 / 0.25))
    assert found.beyond(0.1249)
    assert not found.beyond(0.125)


def test_values_that_are_not_finite():
    a = np.array([1, np.nan, np.inf], np.float32)
    assert difference("v", a, a.copy()).relative == 0
    assert math.isnan(difference("v", a, a.copy()).sqnr_db)
    assert difference("v", a, np.array([1, np.nan, -np.inf], np.float32)).relative == math.inf
    assert difference("v", np.array([1.0]), np.array([np.nan])).beyond(1e9)


def test_zeros_against_something_and_shapes_and_labels():
    assert difference("v", np.zeros(2), np.zeros(2)).relative == 0
    assert difference("v", np.zeros(2), np.array([0, 1e-9])).relative == 1
    assert difference("v", np.zeros(2), np.zeros((2, 1))).note == "shape [2] against [2, 1]"
    assert difference("v", "cat", "cat").relative == 0
    assert difference("v", "cat", "dog").note == "'cat' against 'dog'"
    assert difference("v", {"b": 1.0, "a": 2.0}, {"a": 2.0, "b": 0.5}).max_abs == 0.5
    assert difference("v", {"a": 1.0}, {"b": 1.0}).note == "other labels"


def test_equal_programs_agree(chain):
    found = compare(chain(3), chain(3), X, 0.0)
    assert not found.parted
    assert found.parting is None
    assert {"first", "second", "third"} <= {m.names[0] for m in module._matched(chain(3), chain(3))}
    assert found.matched >= 4


def test_the_operation_with_the_other_weight_is_found(chain):
    found = compare(chain(3), chain(3.3), X, 1e-3)
    assert found.parted
    assert found.parting is not None
    assert (found.parting.operation, found.parting.difference.name) == ("mul", "second")
    assert found.parting.place == 1
    # second = 2·3·x: greatest 24 against 26.4.
    assert found.parting.difference.max_abs == pytest.approx(2.4, rel=1e-5)
    assert found.parting.difference.relative == pytest.approx(0.1, rel=1e-5)


def test_a_difference_within_the_tolerance_is_none(chain):
    found = compare(chain(3), chain(3.3), X, 0.11)
    assert found.parting is None
    assert not found.parted


def test_it_is_found_too_where_values_are_looked_at_in_several_runs(chain, monkeypatch):
    monkeypatch.setattr(module, "_MOST_TAPPED", 3)
    found = compare(chain(3), chain(3.3), X, 1e-3)
    assert found.parting is not None
    assert found.parting.difference.name == "second"


def test_values_turned_to_fp16_keep_their_match(chain):
    found = compare(chain(3), chain(3.3, half=True), X, 1e-2)
    assert found.parting is not None
    assert found.parting.difference.name == "second"


def test_an_output_of_one_alone_is_a_parting(chain):
    for pair in ((("y", "z"), ("y",)), (("y",), ("y", "z"))):
        found = compare(*(chain(3, outputs) for outputs in pair), X, 1e-3)
        assert found.parted
        assert [item.name for item in found.outputs if item.beyond(1e-3)] == ["z"]


def test_programs_without_a_common_output_are_refused(chain):
    with pytest.raises(InputError, match="no output of one name: y against z"):
        compare(chain(3), chain(3, ("z",)), X, 1e-3)
