"""A scene small enough to work out by hand: a square in front of a wall, and the wall behind it."""

import numpy as np
import pytest
from ldikit.reference.ldi import LDI

HEIGHT, WIDTH = 48, 64
NEAR, FAR = 0.8, 0.2
# Rows and columns of the square; even, so that it falls on large cells too.
TOP, BOTTOM, LEFT, RIGHT = 16, 36, 20, 50


@pytest.fixture
def scene() -> LDI:
    """Three layers of random colour: square on wall; the wall under the square; nothing."""
    random = np.random.default_rng(5)
    color = (random.integers(0, 256, (3, 3, HEIGHT, WIDTH)) / 255).astype(np.float32)
    disparity = np.full((3, 1, HEIGHT, WIDTH), FAR, np.float32)
    disparity[0, 0, TOP:BOTTOM, LEFT:RIGHT] = NEAR
    occupancy = np.zeros((3, 1, HEIGHT, WIDTH), np.float32)
    occupancy[0] = 1
    occupancy[0, 0, TOP:BOTTOM, LEFT] = 0.25  # its left column fades
    occupancy[1, 0, TOP:BOTTOM, LEFT:RIGHT] = 1
    return LDI(color, disparity, occupancy)
