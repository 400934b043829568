"""The wire format of protocol buffers: just enough to read a Caffe2 net, from files that nobody vouches for.

https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10

Value = int | float | memoryview
"""Of a field: a varint (unsigned, 64 bits), a 32-bit float, or the bytes of anything that has a length."""


class WireError(ValueError):
    """Bytes that are not a message; says where."""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield number and value of every field of a message, in its order.

    Nothing is copied: bytes are views of the message. A fixed 64-bit field is passed over (a net has none).

    Raises:
        WireError: the message ends inside a field, or a field has a kind that there is not.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            whole, at = _varint(message, at)
            yield number, whole
        elif kind == LENGTH:
            length, at = _varint(message, at)
            yield number, _bytes(message, at, length)
            at += length
        elif kind == FIXED32:
            yield number, struct.unpack("<f", _bytes(message, at, 4))[0]
            at += 4
        elif kind == FIXED64:
            _bytes(message, at, 8)
            at += 8
        else:
            raise WireError(f"field {number} has the unknown wire type {kind}, before byte {at}")


def signed(value: int) -> int:
    """Return what a varint of 64 bits means as an int32 or int64 field."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number that starts at a byte, and where the next field starts."""
    value = 0
    for index in range(LONGEST_VARINT):
        if at + index >= len(message):
            raise WireError(f"it ends inside a number, at byte {at + index}")
        byte = message[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & ((1 << 64) - 1), at + index + 1
    raise WireError(f"a number of more than {LONGEST_VARINT} bytes at byte {at}")


def _bytes(message: memoryview, at: int, length: int) -> memoryview:
    if length > len(message) - at:
        raise WireError(
            f"it ends inside a field: {length} bytes from byte {at}, but only {len(message) - at}"
        )
    return message[at : at + length]
