"""A relief of the photo as STL, for 3D printing."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.errors import InputError
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .extra import load

WIDTH_MM, RELIEF_MM, BASE_MM = 100.0, 10.0, 2.0
MAX_TRIANGLES = 500_000


def write_stl(
    path: Path,
    ldi: LDI,
    *,
    width: float = WIDTH_MM,
    relief: float = RELIEF_MM,
    base: float = BASE_MM,
    max_triangles: int = MAX_TRIANGLES,
    overwrite: bool = False,
) -> None:
    """Write the visible layer's disparity as a closed solid: a relief on a plate, in millimetres.

    x goes to the right, y up the photo, z towards the viewer; the plate's back lies on z = 0.

    Args:
        path: of the .stl.
        ldi: its layer 0 is used.
        width: of the plate along x.
        relief: what the nearest (disparity 1) stands out from the farthest (disparity 0).
        base: thickness of the plate where disparity is 0.
        max_triangles: above it the relief is averaged to a coarser grid.
        overwrite: replace what is there.

    Raises:
        InputError: a length is not above 0, the disparity is not finite, or the file cannot be written.
        MissingExtraError: trimesh is not installed.
    """
    for name, length in (("width", width), ("relief", relief), ("base", base)):
        if not 0 < length < math.inf:
            raise InputError(f"the {name} of a relief must be above 0 mm, got {length}")
    trimesh = load("trimesh", "trimesh", "writing STL files")
    with atomic_file(path, overwrite) as temporary:
        points, triangles = relief_solid(ldi.disparity[0, 0], width, relief, base, max_triangles)
        temporary.write_bytes(trimesh.Trimesh(points, triangles, process=False).export(file_type="stl"))


def relief_solid(
    disparity: np.ndarray, width: float, relief: float, base: float, max_triangles: int = MAX_TRIANGLES
) -> tuple[np.ndarray, np.ndarray]:
    """Return a closed solid under a height field: points (V, 3) float64 in mm and triangles (T, 3) int64.

    Args:
        disparity: (H, W) float32, finite.
        width: see `write_stl`, as for `relief`, `base` and `max_triangles`.

    Raises:
        InputError: disparity is not finite.
    """
    if not np.isfinite(disparity).all():
        raise InputError("cannot make a relief: the disparity holds values that are not finite")
    height_mm = width * disparity.shape[0] / disparity.shape[1]
    share = min(1.0, math.sqrt(max_triangles / (2 * disparity.size)))
    rows, columns = (max(int(side * share), 2) for side in disparity.shape)
    if (rows, columns) != disparity.shape:
        small = Image.fromarray(np.ascontiguousarray(disparity)).resize((columns, rows), Image.Resampling.BOX)
        disparity = np.asarray(small)
    across, up = np.meshgrid(np.linspace(0, width, columns), np.linspace(height_mm, 0, rows))
    top = np.stack([across, up, base + relief * disparity.astype(np.float64)], axis=-1).reshape(-1, 3)
    number = np.arange(rows * columns).reshape(rows, columns)
    # Counter-clockwise as seen from above: left side down, then to the right, up and back.
    border = np.concatenate([number[:-1, 0], number[-1, :-1], number[:0:-1, -1], number[0, :0:-1]])
    foot = top[border] * (1, 1, 0)
    middle = np.array([[width / 2, height_mm / 2, 0.0]])
    low = rows * columns + np.arange(len(border))
    high, following = border, np.roll(low, -1)
    upper_left, upper_right = number[:-1, :-1].ravel(), number[:-1, 1:].ravel()
    lower_left, lower_right = number[1:, :-1].ravel(), number[1:, 1:].ravel()
    triangles = [
        (upper_left, lower_left, lower_right),
        (upper_left, lower_right, upper_right),
        (high, low, following),
        (high, following, np.roll(high, -1)),
        (np.full_like(low, rows * columns + len(border)), following, low),
    ]
    faces = np.concatenate([np.stack(corner, axis=1) for corner in triangles])
    return np.concatenate([top, foot, middle]), faces
