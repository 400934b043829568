"""The published hard rule of layering, for comparison with the stable one; it is not exported (DESIGN §2).

Shih et al., CVPR 2020, §3: soft edges are snapped, links with a step above τ are cut, and the far side of
each cut is flooded behind the near one. Every step is a decision, so that a small change of disparity may
change which pixels are hidden (docs/layering.md). Where the paper leaves a choice open, this is done here:
edges that meet count as one; of several far sides the farthest goes behind a pixel; one hidden layer is made.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .hard_links import WAYS, find_links, join_short_edges, join_specks
from .hard_snap import snap_edges

# Lengths and τ of the publication hold for photos whose long side is this.
LONG_SIDE = 960
THRESHOLD = 0.04 / 3
FLOOD_PX = 40
SHORTEST_EDGE = 10
SMALLEST_SURFACE = 20


@dataclass(frozen=True)
class HardLayers:
    """A visible surface torn at its edges, and one hidden layer behind it.

    Attributes:
        disparity: (H, W) float32, snapped.
        links: (4, H, W) bool: the visible pixel holds on to its neighbour up, down, left, right.
        occupancy: (H, W) bool: something is hidden behind the visible pixel.
        hidden: (H, W) float32: disparity of the hidden layer; that of the visible one where none is.
        hidden_links: (4, H, W) bool: the hidden pixel holds on to the hidden one beside it.
        exits: (4, H, W) bool: the hidden pixel continues as the visible one beside it.
    """

    disparity: np.ndarray
    links: np.ndarray
    occupancy: np.ndarray
    hidden: np.ndarray
    hidden_links: np.ndarray
    exits: np.ndarray


def threshold_for(long_side: int) -> float:
    """Return τ for a frame: 0.04/3 at 960 px, and as much more as its pixels are larger."""
    return THRESHOLD * LONG_SIDE / long_side


def hard_layering(disparity: np.ndarray, snap: bool = True) -> HardLayers:
    """Tear disparity into a visible and one hidden layer by the published rule.

    Args:
        disparity: (H, W) float in [0, 1], larger is nearer.
        snap: sharpen soft edges first, as published.

    Raises:
        InputError: another shape, or values that are not finite.
    """
    if disparity.ndim != 2 or min(disparity.shape) < 2 or not np.isfinite(disparity).all():
        raise InputError(f"the hard rule needs finite disparity (H, W), got {disparity.shape}")
    long_side = max(disparity.shape)
    threshold, scale = threshold_for(long_side), long_side / LONG_SIDE
    plane = disparity.astype(np.float32)
    if snap:
        plane = snap_edges(plane, threshold)
    links = find_links(plane, threshold)
    links = join_specks(links, round(SMALLEST_SURFACE * scale**2))
    links = join_short_edges(links, round(SHORTEST_EDGE * scale))
    hidden = flood(plane, links, threshold, round(FLOOD_PX * scale))
    occupancy = np.isfinite(hidden)
    hidden_links, exits = np.zeros_like(links), np.zeros_like(links)
    for index, way in enumerate(WAYS):
        beside_hidden, beside = _beside(hidden, way, np.inf), _beside(plane, way, np.inf)
        with np.errstate(invalid="ignore"):  # ∞ − ∞ where neither is hidden
            hidden_links[index] = occupancy & (np.abs(beside_hidden - hidden) <= threshold)
            exits[index] = occupancy & ~links[index] & (np.abs(beside - hidden) <= threshold)
    return HardLayers(plane, links, occupancy, np.where(occupancy, hidden, plane), hidden_links, exits)


def flood(disparity: np.ndarray, links: np.ndarray, threshold: float, steps: int) -> np.ndarray:
    """Spread the far side of every cut link behind the near side.

    The near pixel of a cut hides the far one's disparity (step 0); in each of `steps` further steps what is
    hidden spreads to the four neighbours that hide nothing yet and are nearer by more than `threshold`. Where
    several arrive in the same step, the farthest wins.

    Args:
        disparity: (H, W) float32.
        links: (4, H, W) bool.
        threshold: τ.
        steps: how far.

    Returns:
        (H, W) float32 hidden disparity, ∞ where nothing is hidden.
    """
    nothing = np.float32(np.inf)
    hidden = np.full(disparity.shape, nothing)
    for index, way in enumerate(WAYS):
        beside = _beside(disparity, way, nothing)
        behind = ~links[index] & (beside < disparity - threshold)
        hidden = np.minimum(hidden, np.where(behind, beside, nothing))
    for _ in range(steps):
        arriving = np.full(disparity.shape, nothing)
        for way in WAYS:
            arriving = np.minimum(arriving, _beside(hidden, way, nothing))
        enters = ~np.isfinite(hidden) & (arriving < disparity - threshold)
        if not enters.any():
            break
        hidden = np.where(enters, arriving, hidden)
    return hidden


def _beside(plane: np.ndarray, way: tuple[int, int], border: float | np.floating) -> np.ndarray:
    """Return at each pixel of (H, W) the value of its neighbour that way."""
    dy, dx = way
    padded = np.pad(plane, 1, constant_values=border)
    height, width = plane.shape
    return padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
