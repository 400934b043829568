from collections import Counter

import numpy as np
import pytest
import torch
from ldikit.export.protocol import Replacement
from ldikit.export.substitutions import ledger, measured_error, program_operations, replacements
from ldikit.reference.errors import InputError
from ldikit.runtime.manifest import ModelFile
from torch import nn


class Tiny(nn.Module):
    """Four operations, two of one kind."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.minimum(x + 1.0, x), x + 2.0], dim=1)


class Stage:
    """As much of a `StageProgram` as the ledger needs."""

    module = Tiny()
    folded = 0
    pinned = frozenset()

    def example(self) -> tuple[torch.Tensor, ...]:
        return (torch.rand(1, 1, 2, 2),)


def test_operations_are_counted_as_they_run():
    assert program_operations(Stage()) == Counter({"add": 2, "minimum": 1, "stack": 1})


def test_an_operation_with_a_counterpart_is_no_substitution():
    assert replacements("coreml", Stage(), Counter(add=2, minimum=1, stack=1)) == ()


def test_what_is_missing_and_what_is_new_is_named():
    found = replacements("onnx", Stage(), Counter(Add=2, Unsqueeze=2, Concat=1, Einsum=3))
    assert {(r.operation, r.replacement) for r in found} == {
        ("minimum (1×)", "none of its own"),
        ("stack (1×)", "Unsqueeze, Concat"),
        ("nothing", "Einsum (3×)"),
    }


def test_a_known_replacement_is_only_claimed_where_the_file_has_it():
    (found,) = replacements("onnx", Stage(), Counter(Add=2, Min=1))
    assert (found.operation, found.replacement) == ("stack (1×)", "none of its own")


def test_folding_and_pinning_are_in_the_ledger():
    stage = Stage()
    stage.folded = 7
    found = replacements("coreml", stage, Counter(add=2, minimum=1, stack=1), single=5)
    assert [r.operation for r in found] == ["batch_norm (7×)", "half precision"]
    assert found[1].replacement == "single precision in 5 operations"


def test_the_error_is_the_worst_of_all_outputs():
    expected = {"a": np.float32([1, 2]), "b": np.float32([0, 0])}
    inputs = {"x": np.float32([5])}

    def off(tensors):
        assert tensors is inputs
        return {"a": np.float32([1, 2.25]), "b": np.float32([-0.5, 0])}

    assert measured_error(off, inputs, expected) == 0.5
    broken = {"a": np.float32([1, np.nan]), "b": expected["b"]}
    assert measured_error(lambda _: broken, inputs, expected) == float("inf")


def test_a_ledger_that_cannot_be_measured_is_refused():
    entry = ModelFile("f", "program", "64x96", "onnx", "fp32", "", 0, (), ())
    found = (Replacement("a", "b", "c"),)
    (line,) = ledger(entry, found, 0.25)
    assert (line.format, line.precision, line.size, line.max_abs_error) == ("onnx", "fp32", "64x96", 0.25)
    with pytest.raises(InputError, match="not finite"):
        ledger(entry, found, float("inf"))
