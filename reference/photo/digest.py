"""Knowing a photo again by its pixels: what calibrates must not verify."""

import hashlib

import numpy as np

from .check import check_photo


def pixels_digest(pixels: np.ndarray) -> str:
    """Return the sha256 of a photo (H, W, 3) uint8 as decoded: its shape, then its bytes row by row.

    The same picture under another name or in another lossless file has the same digest; encoded with loss
    or resized once more it has another.

    Raises:
        InputError: not such a photo.
    """
    check_photo(pixels)
    total = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}:".encode())
    total.update(np.ascontiguousarray(pixels).tobytes())
    return total.hexdigest()
