"""The layering by its definitions: slow, obvious NumPy in float64, sharing nothing with the program."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

STEREO = Path(__file__).resolve().parents[4] / "shared" / "data" / "stereo"


def distances(height, width):
    """|p − q|₁ of all pairs of pixels, (HW, HW)."""
    rows, columns = (axis.ravel() for axis in np.mgrid[:height, :width])
    return abs(rows[:, None] - rows) + abs(columns[:, None] - columns)


def lower(disparity, slope):
    """E(p) = min over all q of D(q) + s·|p − q|₁."""
    flat = disparity.astype(np.float64).ravel()
    cost = flat[None, :] + slope * distances(*disparity.shape)
    return cost.min(1).reshape(disparity.shape)


def upper(disparity, slope):
    """U(p) = max over all q of D(q) − s·|p − q|₁."""
    flat = disparity.astype(np.float64).ravel()
    value = flat[None, :] - slope * distances(*disparity.shape)
    return value.max(1).reshape(disparity.shape)


def farthest_winner(disparity, slope, tolerance):
    """The least D(q) of all q whose cost is the minimum of E(p), for every p."""
    flat = disparity.astype(np.float64).ravel()
    cost = flat[None, :] + slope * distances(*disparity.shape)
    minimal = cost <= cost.min(1)[:, None] + tolerance
    return np.where(minimal, flat[None, :], np.inf).min(1).reshape(disparity.shape)


def source(disparity, slope):
    """E less its way, which a cone 1.25 times as steep over D + 4·(D − E) tells: E − 4·(E₂ − E)."""
    envelope = lower(disparity, slope)
    steeper = lower(disparity + 4 * (disparity - envelope), 1.25 * slope)
    return envelope - 4 * (steeper - envelope)


def occupancy(disparity, slope, start, ramp):
    """The gap D − E above `start` slopes, in units of `ramp` slopes, cut to [0, 1]."""
    return np.clip((disparity - lower(disparity, slope) - start * slope) / (ramp * slope), 0, 1)


def unknown(filled, margin):
    """The most occupied pixel within `margin` of each pixel, in a square."""
    height, width = filled.shape
    found = np.empty_like(filled)
    for y in range(height):
        for x in range(width):
            rows = slice(max(y - margin, 0), y + margin + 1)
            columns = slice(max(x - margin, 0), x + margin + 1)
            found[y, x] = filled[rows, columns].max()
    return found


def context(disparity, slope, start, ramp, margin):
    """Beside something nearer by the upper envelope, and not unknown."""
    beside = np.clip((upper(disparity, slope) - disparity - start * slope) / (ramp * slope), 0, 1)
    return np.minimum(beside, 1 - unknown(occupancy(disparity, slope, start, ramp), margin))


def visibility(disparity, start, end):
    """1 − how far the smaller of the two steps to either side, along row or column, is from start to end."""
    height, width = disparity.shape
    found = np.empty(disparity.shape)
    for y in range(height):
        for x in range(width):
            sides = []
            for dy, dx in ((1, 0), (0, 1)):
                steps = []
                for way in (-1, 1):
                    # Past the frame the surface goes on level.
                    row = min(max(y + way * dy, 0), height - 1)
                    column = min(max(x + way * dx, 0), width - 1)
                    steps.append(abs(float(disparity[y, x]) - float(disparity[row, column])))
                sides.append(min(steps))
            found[y, x] = 1 - np.clip((max(sides) - start) / (end - start), 0, 1)
    return found


@pytest.fixture(scope="session")
def by_definition():
    """The functions above."""
    return SimpleNamespace(
        lower=lower,
        upper=upper,
        farthest_winner=farthest_winner,
        source=source,
        occupancy=occupancy,
        unknown=unknown,
        context=context,
        visibility=visibility,
    )


def random_field(kind, seed, height, width):
    """A disparity field (H, W) float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.random((height, width), dtype=np.float32)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    slope = rng.uniform(-0.02, 0.02, 2).astype(np.float32)
    field = np.float32(rng.uniform(0.1, 0.5)) + slope[0] * rows / 4 + slope[1] * columns / 4
    if kind == "cards":
        for _ in range(4):
            y, x = rng.integers(height), rng.integers(width)
            h, w = rng.integers(1, height + 1), rng.integers(1, width + 1)
            window = np.s_[y : y + h, x : x + w]
            field[window] = np.maximum(field[window], np.float32(rng.uniform(0, 1)))
    elif kind == "thin":
        field[:, rng.integers(width)] = 1.0
        field[rng.integers(height), :] = 0.0
    elif kind == "steps":
        field = np.round(rng.random((height, width)) * 3) / 3
    return np.clip(field, 0, 1).astype(np.float32)


KINDS = ("noise", "cards", "thin", "steps")


@pytest.fixture(scope="session")
def field_of():
    """`random_field`."""
    return random_field


def fill_far(disparity):
    """Fill NaN with the farther of the next known pixels to the left and right in its row.

    What has no truth is mostly what one camera does not see: a part of the far side.
    """
    filled = disparity.copy()
    for row in filled:
        known = np.flatnonzero(np.isfinite(row))
        for x in np.flatnonzero(~np.isfinite(row)):
            place = np.searchsorted(known, x)
            sides = [row[known[i]] for i in (place - 1, place) if 0 <= i < len(known)]
            row[x] = min(sides, default=np.nanmin(disparity))
    return filled


@pytest.fixture(scope="session")
def filled():
    """`fill_far`."""
    return fill_far


@pytest.fixture(scope="session")
def stereo_disparity():
    """Return a function: name of a pair, which view → true disparity (H, W) in pixels, NaN where unknown."""

    def read(name, view="left"):
        path = STEREO / name / f"disp_{view}.npz"
        if not path.is_file():
            pytest.skip(f"no true disparity of the stereo pair {name}: shared/data is not here")
        return np.load(path)["disp"]

    return read
