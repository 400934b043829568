"""The layers of an LDI at the photo's own resolution, one at a time: all at once are too much memory."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..config import LayeringConfig
from ..errors import InputError
from ..ldi import LDI
from .neighbours import largest_around, smallest_around

# Rows that a thread takes at a time.
STRIP = 128
# A step between neighbours of 2 slopes s (see `SoftLayering`) begins to tear; one of 4 has torn.
EDGE_START, EDGE_END = 2.0, 4.0
# How far (in samples of the small grid) an edge may move outwards when it is fitted to the photo.
EDGE_MOVES = 2


@dataclass(frozen=True)
class FullLayer:
    """One layer at the photo's resolution, in the numbers that it is stored with.

    Attributes:
        color: (H, W, 3) uint8 RGB.
        disparity: (H, W) float32 in [0, 1], larger is nearer.
        occupancy: (H, W) uint8, 255 is full.
    """

    color: np.ndarray
    disparity: np.ndarray
    occupancy: np.ndarray


def full_resolution(
    photo: np.ndarray,
    ldi: LDI,
    config: LayeringConfig | None = None,
    detail: np.ndarray | None = None,
    workers: int | None = None,
) -> Iterator[FullLayer]:
    """Yield the layers of `ldi` at the resolution of `photo`, front to back.

    Layer 0 is the photo itself with its disparity fitted to the photo's edges; the hidden layers are
    interpolated, their own edges kept crisp, and held behind the layer in front: disparity never rises from
    layer to layer, and where a layer is occupied it lies strictly behind.

    Args:
        photo: (H, W, 3) uint8 RGB, the photo that the LDI was made from.
        ldi: at the program's size; it may be stretched against the photo.
        config: the layering it was made with; None for the defaults.
        detail: (H, W) float32 disparity in [0, 1] for layer 0, where it is known at full resolution already.
        workers: threads; None for one a processor.

    Raises:
        InputError: photo or detail have another shape or type than stated.
    """
    config = config or LayeringConfig()
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or 0 in photo.shape:
        raise InputError(f"a photo must be (H, W, 3) uint8, got {photo.shape} {photo.dtype}")
    if detail is not None and (detail.shape != photo.shape[:2] or detail.dtype != np.float32):
        raise InputError(
            f"full-resolution disparity must be float32 {photo.shape[:2]} like the photo, "
            f"got {detail.dtype} {detail.shape}"
        )
    return _layers(np.ascontiguousarray(photo), ldi, config, detail, workers or os.cpu_count() or 1)


def as_ldi(layers: Iterator[FullLayer]) -> LDI:
    """Gather layers into an `LDI` in memory: 20 bytes a pixel and layer."""
    made = list(layers)
    color = np.stack([layer.color for layer in made]).transpose(0, 3, 1, 2) / np.float32(255)
    occupancy = np.stack([layer.occupancy for layer in made])[:, None] / np.float32(255)
    disparity = np.stack([layer.disparity for layer in made])[:, None]
    return LDI(np.ascontiguousarray(color, dtype=np.float32), disparity, occupancy.astype(np.float32))


def _layers(
    photo: np.ndarray, ldi: LDI, config: LayeringConfig, detail: np.ndarray | None, workers: int
) -> Iterator[FullLayer]:
    from . import kernels  # loading the compiler takes a second; `import ldikit` must not pay for it

    height, width = photo.shape[:2]
    slope = 0.5 / (config.max_parallax * max(ldi.size))
    # One sample of the small grid is this many pixels, so a pixel's step is that much smaller.
    scales = [max(full / small, 1.0) for full, small in zip((height, width), ldi.size, strict=True)]
    fade = [
        (config.visibility_start * slope / scale, config.visibility_end * slope / scale) for scale in scales
    ]
    edge = (EDGE_START * slope, EDGE_END * slope)
    disparities = np.ascontiguousarray(ldi.disparity[:, 0])

    def rows(kernel: Callable[..., None], *before: object, out: tuple[np.ndarray, ...]) -> None:
        """Run a kernel on all strips of rows: its arguments are `before`, top, bottom, and `out`."""
        with ThreadPoolExecutor(workers) as pool:
            strips = [(top, min(top + STRIP, height)) for top in range(0, height, STRIP)]
            for done in [pool.submit(kernel, *before, *strip, *out) for strip in strips]:
                done.result()

    def enlarge(index: int, guided: bool) -> np.ndarray:
        small = disparities[index]
        spread = largest_around(small, 1) - smallest_around(small, 1)
        guide = np.zeros((1, 1, 3), np.float32)
        if guided:
            box = Image.fromarray(photo).resize(ldi.size[::-1], Image.Resampling.BOX)
            guide = np.asarray(box, dtype=np.float32) / np.float32(255)
        out, spare = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
        rows(kernels.upsample_edges, small, spread, guide, photo, guided, *edge, out=(out,))
        rows(kernels.smooth_edges, out, edge[0], out=(spare,))
        rows(kernels.step_edges, spare, True, *fade[0], out=(out,))
        rows(kernels.step_edges, out, False, *fade[1], out=(spare,))
        return spare

    front = enlarge(0, True) if detail is None else detail
    occupancy = np.empty((height, width), np.uint8)
    rows(kernels.visibility, front, *fade[0], *fade[1], out=(occupancy,))
    yield FullLayer(photo, front, occupancy)

    for index in range(1, ldi.layers):
        disparity = enlarge(index, False)
        occupancy = np.empty((height, width), np.uint8)
        color = np.empty((height, width, 3), np.uint8)
        small = np.ascontiguousarray(ldi.occupancy[index, 0])
        small_color = np.ascontiguousarray(ldi.color[index].transpose(1, 2, 0))
        planes = (front, disparities[index - 1], small, largest_around(small, EDGE_MOVES), small_color)
        ramp = config.occupancy_ramp * slope
        rows(kernels.hide_behind, *planes, ramp, out=(disparity, occupancy, color))
        front = disparity
        yield FullLayer(color, disparity, occupancy)
