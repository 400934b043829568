"""The layered depth image: what the program makes, what every export is judged on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .errors import InputError

# One 8-bit step is 1/255; comparing float colours of layer 0 with the photo needs far less than that.
PHOTO_TOLERANCE = 1e-5

OUTPUT_NAMES = ("color", "disparity", "occupancy")


@dataclass(frozen=True)
class LDI:
    """A layered depth image of L layers, front to back; layer 0 is the visible photo.

    Attributes:
        color: (L, 3, H, W) float32 RGB in [0, 1].
        disparity: (L, 1, H, W) float32 in [0, 1], larger is nearer.
        occupancy: (L, 1, H, W) float32 in [0, 1], soft: how much of the pixel this layer fills.

    Raises:
        InputError: shapes do not fit together or a dtype is not float32.
    """

    color: np.ndarray
    disparity: np.ndarray
    occupancy: np.ndarray

    def __post_init__(self) -> None:
        layers, _, height, width = self.color.shape if self.color.ndim == 4 else (0, 0, 0, 0)
        for name, channels in zip(OUTPUT_NAMES, (3, 1, 1), strict=True):
            array = getattr(self, name)
            if (
                array.shape != (layers, channels, height, width)
                or array.size == 0
                or array.dtype != np.float32
            ):
                raise InputError(
                    f"LDI {name} must be float32 (L, {channels}, H, W) like the other planes, "
                    f"got {array.dtype} {array.shape}"
                )

    @property
    def layers(self) -> int:
        """Number of layers L."""
        return int(self.color.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.color.shape[2]), int(self.color.shape[3])

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "LDI":
        """Make an LDI from the program's outputs, each with a leading batch axis of 1.

        Args:
            tensors: `color` (1, L, 3, H, W), `disparity` and `occupancy` (1, L, 1, H, W); any float dtype.

        Raises:
            InputError: an output is missing or its batch is not 1.
        """
        planes = {}
        for name in OUTPUT_NAMES:
            if name not in tensors:
                raise InputError(f"the program gave no output {name!r}; it gave {sorted(tensors)}")
            array = np.asarray(tensors[name])
            if array.ndim != 5 or array.shape[0] != 1:
                raise InputError(f"output {name!r} must be (1, L, C, H, W), got {array.shape}")
            planes[name] = np.ascontiguousarray(array[0], dtype=np.float32)
        return cls(**planes)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the planes as the program gives them: with a leading batch axis of 1."""
        return {name: getattr(self, name)[None] for name in OUTPUT_NAMES}

    def violations(self, photo: np.ndarray | None = None) -> list[str]:
        """Name every invariant of DESIGN §2 that does not hold; empty when all hold.

        Args:
            photo: (3, H, W) RGB in [0, 1] that layer 0 must show, or None to leave that unchecked.
        """
        found = []
        for name in OUTPUT_NAMES:
            array = getattr(self, name)
            bad = int(np.count_nonzero(~np.isfinite(array)))
            if bad:
                found.append(f"{name}: {bad} values are not finite")
            elif array.min() < 0 or array.max() > 1:
                found.append(f"{name}: values in [{array.min():.6g}, {array.max():.6g}] leave [0, 1]")
        order = self.order_violations()
        if order:
            found.append(f"disparity: {order} pixels of a hidden layer are not behind the layer in front")
        if photo is not None:
            if photo.shape != self.color.shape[1:]:
                found.append(f"color: layer 0 is {self.color.shape[1:]}, the photo {photo.shape}")
            elif not np.abs(self.color[0] - photo).max() <= PHOTO_TOLERANCE:  # so that NaN is no match either
                found.append("color: layer 0 is not the photo")
        return found

    def order_violations(self) -> int:
        """Count pixels that lie in front of the layer before, or level with it where they are occupied."""
        front, back = self.disparity[:-1], self.disparity[1:]
        occupied = self.occupancy[1:] > 0
        return int(np.count_nonzero((back > front) | (occupied & (back >= front))))

    def check(self, photo: np.ndarray | None = None) -> None:
        """Raise when an invariant does not hold.

        Raises:
            InputError: names every invariant that is broken (see `violations`).
        """
        found = self.violations(photo)
        if found:
            raise InputError("not a valid LDI: " + "; ".join(found))
