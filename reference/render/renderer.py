"""Novel views of a layered depth image."""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..ldi import LDI
from .camera import Camera

# Below this coverage a pixel is a hole: its colour fades to black, so that colour never jumps.
HOLE = 0.5


@dataclass(frozen=True)
class View:
    """What a camera sees of an LDI.

    Attributes:
        rgb: (H, W, 3) float32 in [0, 1]; black where nothing is seen.
        coverage: (H, W) float32 in [0, 1]: the share of the pixel that any layer fills.
        hidden: (H, W) float32 in [0, coverage]: the share that layers behind the visible one fill.
    """

    rgb: np.ndarray
    coverage: np.ndarray
    hidden: np.ndarray

    @property
    def disoccluded(self) -> np.ndarray:
        """(H, W) bool: hidden layers are most of what is seen here."""
        return (self.hidden > 0.5 * self.coverage) & (self.coverage >= HOLE)

    @property
    def holes(self) -> np.ndarray:
        """(H, W) bool: less than half of the pixel is filled."""
        return self.coverage < HOLE


def render(ldi: LDI, camera: Camera) -> View:
    """Render what `camera` sees of `ldi`, at the LDI's own size.

    The view is a continuous function of colour, disparity and occupancy (see `splat`); the same input gives
    the same bits. The compiled loop leaves other Python threads running: frames of a video can be rendered in
    a pool of threads.

    Raises:
        InputError: the LDI holds values that are not finite.
    """
    for name in ("color", "disparity", "occupancy"):
        if not np.isfinite(getattr(ldi, name)).all():
            raise InputError(f"cannot render: the LDI's {name} holds values that are not finite")
    from .splat import splat  # loading the compiler takes a second; `import ldikit` must not pay for it

    shift_x, shift_y = camera.shift_px(*ldi.size)
    laid = splat(
        np.ascontiguousarray(ldi.color),
        np.ascontiguousarray(ldi.disparity),
        np.ascontiguousarray(ldi.occupancy),
        float(shift_x),
        float(shift_y),
        float(camera.zoom),
        float(camera.focus),
    )
    coverage = np.minimum(laid[..., 3], 1.0)
    rgb = laid[..., :3] / np.maximum(coverage, HOLE)[..., None]
    return View(np.clip(rgb, 0.0, 1.0), coverage, laid[..., 4].copy())
