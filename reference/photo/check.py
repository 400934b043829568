"""The photo array that a pipeline is called with, before anything is made of it."""

from typing import Any

import numpy as np

from ..errors import InputError


def check_photo(photo: Any) -> None:
    """Refuse what is no photo (H, W, 3) uint8 RGB: floats in [0, 1] would pass for black pixels.

    Raises:
        InputError: says what it is instead.
    """
    if not isinstance(photo, np.ndarray):
        raise InputError(f"a photo must be a NumPy array (H, W, 3) uint8 RGB, got {type(photo).__name__}")
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise InputError(f"a photo must be (H, W, 3) uint8 RGB, got {photo.dtype} {photo.shape}")
