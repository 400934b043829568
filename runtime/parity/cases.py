"""The photos that a bundle is judged on, each at the program's size that suits it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...reference.errors import InputError
from ...reference.photo.decode import read_photo
from ...reference.photo.digest import pixels_digest
from ...reference.photo.resize import to_program
from ...reference.progress import track
from ...reference.sizes import parse_size
from ..ldi_runner import pick_size

PhotoPaths = Path | str | Iterable[Path | str]


@dataclass(frozen=True)
class Case:
    """One photo at one program size.

    Attributes:
        index: of the photo, in the order given.
        size: "HEIGHTxWIDTH".
        pixels: (H, W, 3) uint8 at that size; a quarter of the float tensor's memory.
        shape: (height, width) of the photo itself, by which each candidate picks its size.
    """

    index: int
    size: str
    pixels: np.ndarray
    shape: tuple[int, int]

    def suits(self, sizes: Sequence[str]) -> bool:
        """Say whether a candidate that has `sizes` runs the photo at this one."""
        return pick_size(sizes, *self.shape) == self.size

    @property
    def photo(self) -> np.ndarray:
        """The program's input: (1, 3, H, W) float32 RGB in [0, 1], multiples of 1/255."""
        return to_program(self.pixels, *self.pixels.shape[:2])


def photo_paths(photos: PhotoPaths) -> list[Path]:
    """Return the photos to judge on: those given, or a folder's files.

    Raises:
        InputError: the folder or list is empty, or something in it is no path.
    """
    if isinstance(photos, str | Path):
        folder = Path(photos)
        if not folder.is_dir():
            return [folder]
        paths = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    else:
        given = list(photos)
        for photo in given:
            if not isinstance(photo, str | Path):
                raise InputError(f"photos are given as paths of files, got {type(photo).__name__}")
        paths = [Path(p) for p in given]
    if not paths:
        where = f" in {photos}" if isinstance(photos, str | Path) else ""
        raise InputError(f"no photos to verify on{where}: give a folder or files")
    return paths


def photo_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return short names of photos: without suffix, with the folder's name where they are not unique."""
    stems = [path.stem for path in paths]
    return tuple(
        stem if stems.count(stem) == 1 else f"{path.resolve().parent.name}/{stem}"
        for path, stem in zip(paths, stems, strict=True)
    )


def read_cases(
    paths: Sequence[Path], size_sets: Sequence[Sequence[str]], excluding: Collection[str] = ()
) -> tuple[list[Case], list[Path], list[Path]]:
    """Read photos, each at every size that some candidate runs it at.

    Args:
        paths: of the photos.
        size_sets: the sizes that each candidate has.
        excluding: digests (`pixels_digest`) of photos to leave out: those that calibrated.

    Returns:
        the cases, whose `index` counts the photos that stay; the paths of those; the paths left out.

    Raises:
        InputError: a photo cannot be read; all are read before anything is run. Or none is left.
    """
    cases: list[Case] = []
    kept: list[Path] = []
    left_out: list[Path] = []
    for path in track(paths, "reading photos", len(paths)):
        pixels = read_photo(path).pixels
        if excluding and pixels_digest(pixels) in excluding:
            left_out.append(path)
            continue
        for size in sorted({pick_size(sizes, *pixels.shape[:2]) for sizes in size_sets}):
            shape = parse_size(size)
            tensor = to_program(pixels, shape.height, shape.width)[0]
            # to_program gives multiples of 1/255, so this loses nothing.
            small = np.rint(tensor.transpose(1, 2, 0) * 255.0).astype(np.uint8)
            cases.append(Case(len(kept), size, small, (pixels.shape[0], pixels.shape[1])))
        kept.append(path)
    if not kept:
        raise InputError(
            f"no photo to verify on: all {len(left_out)} calibrated the bundle's quantisation recipe; "
            "give photos that it has not seen"
        )
    return cases, kept, left_out
