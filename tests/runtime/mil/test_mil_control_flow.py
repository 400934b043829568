"""Branches, loops, lists and states, against the same in plain Python."""

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.mil import evaluator, load


@pytest.fixture(scope="module")
def mb():
    pytest.importorskip("coremltools")
    from coremltools.converters.mil.mil import Builder

    return Builder


@pytest.fixture(scope="module")
def branch(build, mb):
    def program(x):
        positive = mb.greater(x=mb.reduce_sum(x=x, axes=[0]), y=np.float32(0))
        return {
            "out": mb.cond(
                pred=positive,
                _true_fn=lambda: mb.mul(x=x, y=np.float32(2)),
                _false_fn=lambda: mb.sub(x=x, y=np.float32(1)),
            )
        }

    return build(program, (3,))


def doubling(mb, x):
    """Double x until its sum is 100, and count how often."""

    def below(a, n):
        return mb.less(x=mb.reduce_sum(x=a, axes=[0]), y=np.float32(100))

    def double(a, n):
        return mb.mul(x=a, y=np.float32(2)), mb.add(x=n, y=1)

    a, n = mb.while_loop(_cond=below, _body=double, loop_vars=(x, 0))
    return {"a": a, "n": n}


def test_a_branch_runs_one_of_two_blocks(branch):
    assert branch.predict({"x": np.array([1, 2, 3], np.float32)})["out"].tolist() == [2, 4, 6]
    assert branch.predict({"x": np.array([-9, 2, 3], np.float32)})["out"].tolist() == [-10, 1, 2]


def test_a_loop_runs_while_its_condition_holds(build, mb):
    model = build(lambda x: doubling(mb, x), (2,))
    got = model.predict({"x": np.array([1, 2], np.float32)})
    # 3, 6, 12, 24, 48, 96, 192: six doublings
    assert got["a"].tolist() == [64, 128]
    assert got["n"].tolist() == [6]
    untouched = model.predict({"x": np.array([60, 60], np.float32)})
    assert untouched["a"].tolist() == [60, 60]
    assert untouched["n"].tolist() == [0]


def test_a_loop_without_an_end_is_refused(build, mb, monkeypatch):
    model = build(lambda x: doubling(mb, x), (2,))
    monkeypatch.setattr(evaluator, "MAX_ITERATIONS", 20)
    with pytest.raises(InputError, match=r"while_loop.*more than 20 times"):
        model.predict({"x": np.zeros(2, np.float32)})


def test_a_branch_inside_a_loop_sees_what_is_around_it(build, mb):
    """The Collatz steps of a number, with an outer value used inside."""

    def program(x):
        one = mb.mul(x=mb.squeeze(x=x), y=np.float32(0))
        one = mb.add(x=one, y=np.float32(1))

        def body(a, n):
            even = mb.equal(x=mb.mod(x=a, y=np.float32(2)), y=np.float32(0))
            a = mb.cond(
                pred=even,
                _true_fn=lambda: mb.real_div(x=a, y=np.float32(2)),
                _false_fn=lambda: mb.add(x=mb.mul(x=a, y=np.float32(3)), y=one),
            )
            return a, mb.add(x=n, y=1)

        a, n = mb.while_loop(
            _cond=lambda a, n: mb.greater(x=a, y=one), _body=body, loop_vars=(mb.squeeze(x=x), 0)
        )
        return {"a": a, "n": n}

    got = build(program, (1,)).predict({"x": np.array([27], np.float32)})
    assert got["n"].tolist() == [111]
    assert got["a"].tolist() == [1]


def test_lists(build, mb):
    def program(x):
        items = mb.make_list(init_length=2, elem_shape=(3,), dtype="fp32")
        items = mb.list_write(ls=items, index=1, value=x)
        before = mb.list_read(ls=items, index=0)
        items = mb.list_scatter(
            ls=items, indices=np.array([0, 3], np.int32), value=mb.stack(values=(x, mb.square(x=x)), axis=0)
        )
        return {
            "empty": before,
            "length": mb.list_length(ls=items),
            "all": mb.list_gather(ls=items, indices=np.array([3, 1, 2, 0], np.int32)),
        }

    got = build(program, (3,)).predict({"x": np.array([1, 2, 3], np.float32)})
    assert got["empty"].tolist() == [0, 0, 0]
    assert got["length"].tolist() == [4]
    assert got["all"].tolist() == [[1, 4, 9], [1, 2, 3], [0, 0, 0], [1, 2, 3]]


def test_reading_behind_the_end_of_a_list_is_refused(build, mb):
    def program(x):
        items = mb.make_list(init_length=2, elem_shape=(3,), dtype="fp32")
        items = mb.list_write(ls=items, index=0, value=x)
        return {"out": mb.list_read(ls=items, index=7)}

    with pytest.raises(InputError, match="place 7 of a list of 2"):
        build(program, (3,)).predict({"x": np.zeros(3, np.float32)})


@pytest.fixture(scope="module")
def counter(ct, save, mb):
    """A running sum: each prediction adds its input to the state and gives the sum."""
    from coremltools.converters.mil.mil import types

    @mb.program(
        input_specs=[mb.TensorSpec((2,), types.fp16), mb.StateTensorSpec((2,), types.fp16)],
        opset_version=ct.target.iOS18,
    )
    def program(x, total):
        return mb.coreml_update_state(state=total, value=mb.add(x=x, y=mb.read_state(input=total)))

    model = ct.convert(
        program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS18, skip_model_load=True
    )
    return load(save(model))


def predict(model, numbers, state):
    (got,) = model.predict({"x": np.array(numbers, np.float16)}, state=state).values()
    return got.tolist()


def test_a_state_outlives_a_prediction(counter):
    first, second = counter.make_state(), counter.make_state()
    assert predict(counter, [1, 2], first) == [1, 2]
    assert predict(counter, [10, 20], first) == [11, 22]
    assert predict(counter, [5, 5], second) == [5, 5]
    assert first.read_state("total").tolist() == [11, 22]
    first.write_state("total", np.array([100, 200], np.float16))
    assert predict(counter, [1, 1], first) == [101, 201]


def test_wrong_states(counter, branch):
    with pytest.raises(InputError, match="'total' is missing: predict with make_state"):
        counter.predict({"x": np.zeros(2, np.float16)})
    with pytest.raises(InputError, match="no state 'total'"):
        predict(counter, [0, 0], branch.make_state())
    state = counter.make_state()
    with pytest.raises(InputError, match="no state 'other'; its states: total"):
        state.read_state("other")
    with pytest.raises(InputError, match=r"shape \[2\], got \[3\]"):
        state.write_state("total", np.zeros(3, np.float16))
