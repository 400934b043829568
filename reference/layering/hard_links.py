"""The link graph of a disparity map: each pixel holds on to its four neighbours, or is torn from them."""

import numpy as np
from skimage.measure import label

UP, DOWN, LEFT, RIGHT = range(4)
# Way to the neighbour that a link of that direction leads to: (rows, columns).
WAYS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def find_links(disparity: np.ndarray, threshold: float) -> np.ndarray:
    """Link neighbours whose disparity (H, W) differs by `threshold` at most.

    Returns:
        (4, H, W) bool, up, down, left, right; False over the frame's border.
    """
    links = np.zeros((4, *disparity.shape), bool)
    links[DOWN, :-1] = np.abs(np.diff(disparity, axis=0)) <= threshold
    links[RIGHT, :, :-1] = np.abs(np.diff(disparity, axis=1)) <= threshold
    return _mirrored(links)


def surfaces(links: np.ndarray) -> np.ndarray:
    """Number the connected sets of linked pixels: (H, W) int from 1 on."""
    height, width = links.shape[1:]
    # Pixels and the links between them as one picture of twice the size.
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = 1
    grid[1::2, ::2] = links[DOWN, :-1]
    grid[::2, 1::2] = links[RIGHT, :, :-1]
    return label(grid, connectivity=1)[::2, ::2]


def join_specks(links: np.ndarray, smallest: int) -> np.ndarray:
    """Link every surface of fewer than `smallest` pixels to all that is around it."""
    numbers = surfaces(links)
    speck = np.bincount(numbers.ravel())[numbers] < smallest
    joined = links.copy()
    joined[DOWN, :-1] |= speck[:-1] | speck[1:]
    joined[RIGHT, :, :-1] |= speck[:, :-1] | speck[:, 1:]
    return _mirrored(joined)


def join_short_edges(links: np.ndarray, shortest: int) -> np.ndarray:
    """Close every depth edge of fewer than `shortest` torn links. Edges that meet count as one."""
    height, width = links.shape[1:]
    # Torn links stand on edge between the corners of pixels: odd rows and columns of a picture of pixels
    # (even, even), links and corners (odd, odd).
    torn = np.zeros((2 * height - 1, 2 * width - 1), bool)
    torn[1::2, ::2] = ~links[DOWN, :-1]
    torn[::2, 1::2] = ~links[RIGHT, :, :-1]
    grid = torn.copy()
    grid[1::2, 1::2] = torn[1::2, :-2:2] | torn[1::2, 2::2] | torn[:-2:2, 1::2] | torn[2::2, 1::2]
    numbers = label(grid, connectivity=1)
    short = np.bincount(numbers[torn], minlength=int(numbers.max()) + 1)[numbers] < shortest
    joined = links.copy()
    joined[DOWN, :-1] |= short[1::2, ::2]
    joined[RIGHT, :, :-1] |= short[::2, 1::2]
    return _mirrored(joined)


def _mirrored(links: np.ndarray) -> np.ndarray:
    """Make up and left what down and right are from the other end."""
    links[UP, 1:], links[LEFT, :, 1:] = links[DOWN, :-1], links[RIGHT, :, :-1]
    return links
