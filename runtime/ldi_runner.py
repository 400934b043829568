"""photo → LDI through the files of a bundle."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..reference.ldi import LDI
from ..reference.photo.check import check_photo
from ..reference.photo.resize import to_program
from ..reference.sizes import parse_size
from .backends.canonical import run_canonical
from .backends.protocol import Runner
from .manifest import ModelFile

if TYPE_CHECKING:
    from .bundle import Bundle


def pick_size(sizes: Sequence[str], photo_height: int, photo_width: int) -> str:
    """Return the size, of those a bundle has, whose shape is nearest to a photo's.

    Of equally near ones (a square photo between 384x512 and 512x384) the wider one is taken, as
    `choose_size` does, then the larger.

    Args:
        sizes: "HEIGHTxWIDTH", at least one.
        photo_height: in pixels.
        photo_width: in pixels.
    """

    def distance(text: str) -> tuple[float, float, int]:
        size = parse_size(text)
        stretch = math.log(size.width / size.height) - math.log(photo_width / photo_height)
        return round(abs(stretch), 9), -size.width / size.height, -size.height * size.width

    return min(sizes, key=distance)


def run_program(runner: Runner, entry: ModelFile, photo: np.ndarray) -> dict[str, np.ndarray]:
    """Run a whole program on a photo tensor.

    Args:
        runner: of the entry's file.
        entry: of stage "program".
        photo: (1, 3, H, W) float32 RGB in [0, 1], multiples of 1/255.

    Returns:
        `color`, `disparity`, `occupancy` in canonical layout, float32.
    """
    return run_canonical(runner, entry.inputs, entry.outputs, {spec.name: photo for spec in entry.inputs})


class LdiRunner:
    """Maps a photo to its LDI; each file is loaded when the first photo of its size comes.

    Args:
        bundle: where the files lie.
        entries: of stage "program", one a size.
        backend: that runs them.
        threads: how many it may use.
    """

    def __init__(self, bundle: "Bundle", entries: tuple[ModelFile, ...], backend: str, threads: int) -> None:
        self.bundle = bundle
        self.entries = {entry.size: entry for entry in entries}
        self.backend = backend
        self.threads = threads
        self._runners: dict[str, Runner] = {}

    def entry_for(self, photo: np.ndarray) -> ModelFile:
        """Return the file that suits a photo (H, W, 3)."""
        return self.entries[pick_size(list(self.entries), *photo.shape[:2])]

    def load(self, size: str) -> Runner:
        """Return the loaded file of one size, loading it if need be.

        Raises:
            InputError, MissingExtraError, BackendUnavailableError: see `Bundle.open`.
        """
        if size not in self._runners:
            self._runners[size] = self.bundle.open(self.entries[size], self.backend, self.threads)
        return self._runners[size]

    def __call__(self, photo: np.ndarray) -> LDI:
        """Map a photo (H, W, 3) uint8 RGB to its LDI at the program's size.

        Raises:
            InputError: not such a photo, or the file cannot be loaded or run.
        """
        check_photo(photo)
        entry = self.entry_for(photo)
        size = parse_size(entry.size)
        runner = self.load(entry.size)
        return LDI.from_tensors(run_program(runner, entry, to_program(photo, size.height, size.width)))
