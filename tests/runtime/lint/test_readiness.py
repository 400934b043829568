from ldikit.runtime.lint.readiness import Node, by_type, count_partitions, rewrites


def chain(*taken: bool) -> tuple[list[Node], list[bool]]:
    return [Node("A", (index,), (index + 1,)) for index in range(len(taken))], list(taken)


def test_a_chain_falls_apart_where_it_is_interrupted() -> None:
    assert count_partitions(*chain(True, True, True)) == 1
    assert count_partitions(*chain(True, False, True)) == 2
    assert count_partitions(*chain(False, True, False, True, True, False)) == 2
    assert count_partitions(*chain(False, False)) == 0
    assert count_partitions([], []) == 0


def test_branches_that_can_run_together_are_one_piece() -> None:
    # x → a → b(not) → d; x → c → d: c waits for nothing, so it goes with a; d is the second piece.
    nodes = [
        Node("a", ("x",), ("a",)),
        Node("b", ("a",), ("b",)),
        Node("c", ("x",), ("c",)),
        Node("d", ("b", "c"), ("d",)),
    ]
    assert count_partitions(nodes, [True, False, True, True]) == 2
    # Two untaken ones beside each other interrupt once.
    nodes[2] = Node("c", ("a",), ("c",))
    assert count_partitions(nodes, [True, False, False, True]) == 2


def test_a_graph_that_cannot_run_is_counted_to_its_end() -> None:
    nodes = [Node("a", ("b",), ("a",)), Node("b", ("a",), ("b",)), Node("c", ("x",), ("c",))]
    assert count_partitions(nodes, [True, True, True]) == 1


def test_types_are_counted_the_most_frequent_first() -> None:
    assert list(by_type(["B", "C", "A", "C"]).items()) == [("C", 2), ("A", 1), ("B", 1)]


def test_a_hint_for_a_type_is_given_whatever_the_reason() -> None:
    assert rewrites({"SLICE (5 axes)": 3, "ODD": 1}, {"SLICE": "cut"}) == {"SLICE (5 axes)": "cut"}
