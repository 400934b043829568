"""Where a quantised file is cut to test each of its int8 operations by itself (see `steps`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Makes the file: given None, the whole with every int8 tensor as a further output; given the tensors' shapes,
# cut: each tensor is a further input, and what its operation makes the output "NAME__made".
Content = Callable[[Sequence[tuple[int, ...]] | None], bytes]
MADE = "__made"


@dataclass(frozen=True)
class Cut:
    """An int8 tensor at which a file is cut.

    Attributes:
        name: of the tensor.
        operation: the kind of what makes it.
        quantises: whether that is given floats, not int8.
    """

    name: str
    operation: str
    quantises: bool
