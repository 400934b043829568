"""What calibration runs on: the user's photos, the bundled ones, or procedural scenes, one at a time.

The photos that verify must never calibrate: they are kept out by the digest of their pixels.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..reference.errors import InputError
from ..reference.photo.decode import read_photo
from ..reference.photo.digest import pixels_digest
from ..reference.photo.resize import to_program
from ..reference.sizes import ProgramSize, choose_size
from .scenes import make_scene
from .sources import bundled_photos, folder_photos

MOST_PHOTOS = 256
"""More of a folder's photos are not read: each costs a run of the networks."""

SizeFor = Callable[[int, int], ProgramSize]
"""From the height and width of a photo to the size of the program that takes it."""


@dataclass(frozen=True)
class Sample:
    """A photo ready for the program.

    Attributes:
        name: file name, or the scene's number.
        sha256: see `pixels_digest`.
        photo: (1, 3, H, W) float32 RGB in [0, 1].
    """

    name: str
    sha256: str
    photo: torch.Tensor


@dataclass(frozen=True)
class UsedPhoto:
    """A photo that calibration ran on; `sha256` as `pixels_digest` gives it."""

    name: str
    sha256: str


@dataclass(frozen=True)
class SkippedPhoto:
    """A photo that calibration left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class CalibrationData:
    """What a calibration ran on, for recipe.json.

    Attributes:
        source: in words.
        samples: in order.
        skipped: unreadable, or among the photos that verify.
    """

    source: str
    samples: tuple[UsedPhoto, ...]
    skipped: tuple[SkippedPhoto, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "source": self.source,
            "samples": [asdict(sample) for sample in self.samples],
            "skipped": [asdict(photo) for photo in self.skipped],
        }


class CalibrationSamples:
    """Samples made anew, one at a time, each time it is iterated: nothing is kept but their digests.

    Args:
        source: in words.
        photos: name and reader of each; a reader gives pixels (H, W, 3) uint8 or raises `InputError`.
        size_for: chooses the program's size; by default the phone's of the photo's orientation.
        excluding: digests of the photos that verify.
    """

    def __init__(
        self,
        source: str,
        photos: Sequence[tuple[str, Callable[[], np.ndarray]]],
        size_for: SizeFor = choose_size,
        excluding: Collection[str] = (),
    ) -> None:
        self.source = source
        self._photos = photos
        self._size_for = size_for
        self._excluding = frozenset(excluding)
        self._data: CalibrationData | None = None

    def __len__(self) -> int:
        """Return how many there are at most: it is not known before reading which are skipped."""
        return len(self._photos)

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples; a photo that cannot be used is skipped.

        Raises:
            InputError: none could be used.
        """
        used: list[UsedPhoto] = []
        skipped: list[SkippedPhoto] = []
        for name, read in self._photos:
            try:
                pixels = read()
                digest = pixels_digest(pixels)
            except InputError as error:
                skipped.append(SkippedPhoto(name, str(error)))
                continue
            if digest in self._excluding:
                skipped.append(SkippedPhoto(name, "it is among the photos that verify"))
                continue
            size = self._size_for(*pixels.shape[:2])
            used.append(UsedPhoto(name, digest))
            yield Sample(name, digest, torch.from_numpy(to_program(pixels, size.height, size.width)))
        if not used:
            raise InputError(
                f"no photo to calibrate on: all {len(skipped)} of {self.source} were skipped, the first "
                f"({skipped[0].name}) because: {skipped[0].reason}"
            )
        self._data = CalibrationData(self.source, tuple(used), tuple(skipped))

    @property
    def data(self) -> CalibrationData:
        """What was used and what was skipped, once the samples have been iterated to the end."""
        if self._data is None:
            raise RuntimeError("the samples have not been iterated to the end yet")
        return self._data


def folder_samples(
    folder: Path | str, size_for: SizeFor = choose_size, excluding: Collection[str] = ()
) -> CalibrationSamples:
    """Return the photos of a folder, at most `MOST_PHOTOS`, evenly spread over the names.

    Raises:
        InputError: see `folder_photos`.
    """
    found = folder_photos(folder)
    count = min(len(found), MOST_PHOTOS)
    chosen = [found[index * len(found) // count] for index in range(count)]
    source = f"{count} of {len(found)} photos in folder {Path(folder).resolve().name}"
    return CalibrationSamples(source, _files(chosen), size_for, excluding)


def bundled_samples(size_for: SizeFor = choose_size, excluding: Collection[str] = ()) -> CalibrationSamples:
    """Return the bundled photos.

    Raises:
        InputError: see `bundled_photos`.
    """
    return file_samples(bundled_photos(), "the bundled photos", size_for, excluding)


def file_samples(
    paths: Sequence[Path], source: str, size_for: SizeFor = choose_size, excluding: Collection[str] = ()
) -> CalibrationSamples:
    """Return these photos; `source` says in words which they are."""
    return CalibrationSamples(source, _files(paths), size_for, excluding)


def scene_samples(count: int, seed: int = 0, size_for: SizeFor = choose_size) -> CalibrationSamples:
    """Return procedural scenes, landscape and portrait in turn, that show nothing of the bundled photos.

    Args:
        count: how many.
        seed: the same one gives the same scenes.
        size_for: asked for the sizes of 4:3 and 3:4.

    Raises:
        InputError: fewer than one.
    """
    if count < 1:
        raise InputError(f"calibration needs at least one scene, got {count}")
    shapes = size_for(3, 4), size_for(4, 3)
    photos = [
        (f"scene {seed}-{index}", partial(_scene, seed, index, shapes[index % 2])) for index in range(count)
    ]
    # The scene is made at the program's size: it must not be resized by another choice for its own shape.
    sizes = {(size.height, size.width): size for size in shapes}
    source = f"{count} procedural scenes of seed {seed} without photo textures"
    return CalibrationSamples(source, photos, lambda height, width: sizes[height, width])


def _files(paths: Sequence[Path]) -> list[tuple[str, Callable[[], np.ndarray]]]:
    return [(path.name, partial(_read, path)) for path in paths]


def _read(path: Path) -> np.ndarray:
    """Return a photo's pixels; the error names the file alone, for recipe.json leaves the user's machine."""
    try:
        return read_photo(path).pixels
    except InputError as error:
        raise InputError(str(error).replace(str(path), path.name)) from error


def _scene(seed: int, index: int, size: ProgramSize) -> np.ndarray:
    """Return a scene as a phone would hold it: (H, W, 3) uint8."""
    # A number between keeps the scenes apart from those that training draws from the same seed.
    scene = make_scene([seed, 7003, index], size.height, size.width, count=1, photos=False)
    return np.ascontiguousarray(np.rint(scene.photo * 255).astype(np.uint8).transpose(1, 2, 0))
