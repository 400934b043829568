"""Reading weight.bin, the file that holds the large constants of an ML Program.

The file is a 64-byte header (count, version 2), then for every constant a 64-byte record of metadata and its
bytes, each aligned to 64. A program points at the metadata record.
"""

import struct
from pathlib import Path

import numpy as np

from ...reference.errors import InputError
from .types import DType

_SENTINEL = 0xDEADBEEF
_RECORD = struct.Struct(
    "<II4Q"
)  # sentinel, element type, bytes, offset of the data, padding in bits, reserved
_ALIGNMENT = 64
_VERSION = 2

# BlobDataType, which numbers the types of the file in another order than the program does.
_TYPES = {
    1: "fp16",
    2: "fp32",
    3: "uint8",
    4: "int8",
    6: "int16",
    7: "uint16",
    8: "int4",
    9: "uint1",
    10: "uint2",
    11: "uint4",
    12: "uint3",
    13: "uint6",
    14: "int32",
    15: "uint32",
}


def unpack_bits(packed: np.ndarray, bits: int, count: int, signed: bool) -> np.ndarray:
    """Spread elements of less than 8 bits, packed from the least significant bit of each byte upwards.

    An element may straddle two bytes (3 and 6 bits).

    Args:
        packed: uint8, 1-D.
        bits: width of an element, 1 to 7.
        count: number of elements.
        signed: whether the elements are two's complement.

    Returns:
        `count` elements, int8 or uint8.
    """
    stream = np.unpackbits(packed, bitorder="little", count=count * bits).reshape(count, bits)
    values = np.packbits(stream, axis=1, bitorder="little")[:, 0]
    if not signed:
        return values
    shift = 8 - bits
    return (values << shift).astype(np.uint8).view(np.int8) >> shift


class WeightFile:
    """One weight file, mapped into memory.

    Args:
        path: the file.

    Raises:
        InputError: it is missing, unreadable, or no weight file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._data = np.memmap(path, np.uint8, "c")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"cannot read the weight file {path}: {reason}") from error
        if self._data.size < _ALIGNMENT:
            raise InputError(f"{path} is no weight file: {self._data.size} bytes, at least 64 wanted")
        version = int(self._data[4:8].view("<u4")[0])
        if version != _VERSION:
            raise InputError(f"{path} is a weight file of version {version}; only version 2 is known")

    def read(self, offset: int, dtype: DType, count: int) -> np.ndarray:
        """Return the `count` elements of the constant whose metadata lies at `offset`, 1-D.

        Elements of 8 bits and more are a read-only view of the file.

        Raises:
            InputError: the offset or the data leave the file, the record is no metadata, or its type or size
                are not the ones that the program declares.
        """
        where = f"weight file {self.path}, offset {offset}"
        if offset % _ALIGNMENT or offset < _ALIGNMENT:
            raise InputError(f"{where}: not a multiple of 64 behind the header")
        if offset + _ALIGNMENT > self._data.size:
            raise InputError(f"{where}: past the end of the file ({self._data.size} bytes)")
        sentinel, number, size, start, padding, _ = _RECORD.unpack(
            self._data[offset : offset + _RECORD.size].tobytes()
        )
        if sentinel != _SENTINEL:
            raise InputError(f"{where}: metadata starts with 0x{sentinel:08X}, not the sentinel 0xDEADBEEF")
        stored = _TYPES.get(number)
        # A bool has no number of its own: it is stored as uint8.
        wanted = "uint8" if dtype.kind == "bool" else dtype.name
        if stored != wanted:
            raise InputError(f"{where}: holds {stored or f'type number {number}'}, declared is {wanted}")
        if start < offset + _ALIGNMENT or start + size > self._data.size:
            raise InputError(
                f"{where}: its data ({size} bytes at {start}) leave the file ({self._data.size} bytes)"
            )
        bits = count * dtype.bits
        if size != (bits + 7) // 8 or padding != size * 8 - bits:
            raise InputError(f"{where}: {size} bytes stored, {count} elements of {dtype.name} declared")
        raw = self._data[start : start + size]
        if dtype.bits < 8:
            return unpack_bits(np.asarray(raw), dtype.bits, count, dtype.signed)
        return raw.view(dtype.numpy)
