"""The element types of ML Programs and the types that a program declares for its values.

Numbers are those of `DataType` in Core ML's model format (MIL.proto), opsets iOS15 to iOS18.
"""

from dataclasses import dataclass

import numpy as np

from ...reference.errors import InputError

MAX_ELEMENTS = 2**28
"""No activation may be larger than this (1 GiB of float32); it is refused before it is allocated."""

MAX_WEIGHTS = 2**31
"""No weight may be declared larger than this."""


@dataclass(frozen=True)
class DType:
    """An element type.

    Attributes:
        name: as the format and its documents call it ("fp16").
        kind: "float", "int" or "bool" for numbers, "string" otherwise.
        bits: width of one packed element in a weight file.
        signed: whether an integer has a sign.
    """

    name: str
    kind: str
    bits: int
    signed: bool = True

    @property
    def is_half(self) -> bool:
        """Whether values are rounded to IEEE half precision."""
        return self.name == "fp16"

    @property
    def numpy(self) -> np.dtype:
        """The numpy type that holds one element (sub-byte integers take a whole byte)."""
        if self.kind == "bool":
            return np.dtype(np.bool_)
        if self.kind == "string":
            return np.dtype(object)
        if self.kind == "float":
            return np.dtype(f"f{self.bits // 8}")
        return np.dtype(f"{'i' if self.signed else 'u'}{max(1, self.bits // 8)}")

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and largest integer of this type."""
        if self.signed:
            return -(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1
        return 0, 2**self.bits - 1


_NUMBERS = {
    1: DType("bool", "bool", 8),
    2: DType("string", "string", 0),
    10: DType("fp16", "float", 16),
    11: DType("fp32", "float", 32),
    12: DType("fp64", "float", 64),
    21: DType("int8", "int", 8),
    22: DType("int16", "int", 16),
    23: DType("int32", "int", 32),
    24: DType("int64", "int", 64),
    25: DType("int4", "int", 4),
    31: DType("uint8", "int", 8, False),
    32: DType("uint16", "int", 16, False),
    33: DType("uint32", "int", 32, False),
    34: DType("uint64", "int", 64, False),
    35: DType("uint4", "int", 4, False),
    36: DType("uint2", "int", 2, False),
    37: DType("uint1", "int", 1, False),
    38: DType("uint6", "int", 6, False),
    39: DType("uint3", "int", 3, False),
}
BY_NAME = {dtype.name: dtype for dtype in _NUMBERS.values()}
FP16, FP32, INT32, BOOL = BY_NAME["fp16"], BY_NAME["fp32"], BY_NAME["int32"], BY_NAME["bool"]


def by_number(number: int) -> DType:
    """Return the element type that the format numbers `number`.

    Raises:
        InputError: no opset up to iOS18 has it.
    """
    if number not in _NUMBERS:
        raise InputError(f"element type number {number} is not one of the opsets iOS15 to iOS18")
    return _NUMBERS[number]


def by_name(name: str) -> DType:
    """Return the element type called `name`, as in the argument of a `cast`.

    Raises:
        InputError: there is none of that name.
    """
    if name not in BY_NAME:
        raise InputError(f"unknown element type {name!r}; known: {', '.join(BY_NAME)}")
    return BY_NAME[name]


@dataclass(frozen=True)
class TensorType:
    """What a program declares for a value.

    Attributes:
        dtype: element type.
        shape: sizes, None where the program leaves one open; None altogether where even the rank is open.
        holder: "tensor"; or "list" or "state" of such tensors; or "dictionary".
    """

    dtype: DType
    shape: tuple[int | None, ...] | None
    holder: str = "tensor"

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether a value of `shape` is what was declared."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            want is None or want == got for want, got in zip(self.shape, shape, strict=True)
        )

    def __str__(self) -> str:
        sizes = "..." if self.shape is None else ", ".join("?" if s is None else str(s) for s in self.shape)
        text = f"{self.dtype.name}[{sizes}]"
        return text if self.holder == "tensor" else f"{self.holder} of {text}"


def check_size(shape: tuple[int | None, ...], what: str, limit: int = MAX_ELEMENTS) -> None:
    """Refuse a shape of more than `limit` elements, a power of two (open sizes count as 1).

    Raises:
        InputError: naming `what`.
    """
    count = 1
    for size in shape:
        count *= 1 if size is None else size
        if size is not None and size < 0:
            raise InputError(f"{what} has a negative size in its shape {list(shape)}")
        if count > limit:
            power = limit.bit_length() - 1
            raise InputError(f"{what} has shape {list(shape)}, more than 2^{power} elements: refused")
