from ldikit.export.precision.pareto import pareto_front
from ldikit.export.precision.strategy import fewest_float

ORDER = [f"layer{i}" for i in range(20)]


class Additive:
    """Passes when the gains of the layers left float reach a goal; counts what it is asked."""

    def __init__(self, gains: dict[str, float], goal: float) -> None:
        self.gains = gains
        self.goal = goal
        self.asked: list[frozenset[str]] = []

    def __call__(self, layers: frozenset[str], answer_only: bool) -> bool:
        self.asked.append(layers)
        return sum(self.gains.get(layer, 0.0) for layer in layers) >= self.goal


def test_all_int8_is_enough() -> None:
    test = Additive({}, 0)
    assert fewest_float(ORDER, test) == (frozenset(), True)
    assert test.asked == [frozenset()]


def test_as_many_of_the_order_as_it_takes_and_no_more() -> None:
    test = Additive(dict.fromkeys(ORDER, 1.0), 11)
    assert fewest_float(ORDER, test) == (frozenset(ORDER[:11]), True)
    # Nothing, everything, halves, then ten attempts to return one.
    assert [len(layers) for layers in test.asked] == [0, 20, 10, 15, 12, 11, *[10] * 10]


def test_layers_that_turn_out_useless_return_to_int8() -> None:
    assert fewest_float(ORDER, Additive({"layer3": 1, "layer6": 1}, 2)) == ({"layer3", "layer6"}, True)


def test_layers_known_to_be_needed_are_kept_first_and_never_asked_for() -> None:
    test = Additive({"layer15": 5, "layer3": 1, "layer6": 1}, 7)
    assert fewest_float(ORDER, test, ["layer15"]) == ({"layer15", "layer3", "layer6"}, True)
    assert all("layer15" in layers for layers in test.asked[1:])
    # They alone may be enough, or be all there is.
    assert fewest_float(ORDER, Additive({"layer15": 5}, 5), ["layer15"]) == ({"layer15"}, True)
    assert fewest_float(["a"], Additive({"a": 1}, 1), ["a"]) == ({"a"}, True)


def test_everything_float_is_not_enough() -> None:
    test = Additive(dict.fromkeys(ORDER, 1.0), 21)
    assert fewest_float(ORDER, test) == (frozenset(ORDER), False)
    assert fewest_float([], test) == (frozenset(), False)


def test_the_front_holds_what_no_other_beats() -> None:
    points = [("a", 30.0, 1), ("b", 29.0, 2), ("c", 40.0, 3), ("d", 40.0, 3), ("e", None, 0), ("f", 41.0, 3)]
    front = pareto_front(points, lambda p: p[1], lambda p: p[2])
    assert [point[0] for point in front] == ["a", "f"]
    assert [p[0] for p in pareto_front(points[:4], lambda p: p[1], lambda p: p[2])] == ["a", "c"]
