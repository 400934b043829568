"""Shards: photos with disparity on disk, by the hundred a file, for training.

A folder of `.npz` files, uncompressed or not, each with `photo` (N, H, W, 3) uint8 RGB and `disparity`
(N, H, W), uint16 or float, larger is nearer, of any scale a picture: training knows disparity up to scale and
shift alone. All pictures of a file have one size; files may differ. The compressed shards of rendered scenes
(`rendered/shards.py`) are read as well.
"""

from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..reference.errors import InputError
from ..reference.files import atomic_file
from .rendered.shards import read_shard as read_packed

LARGEST_FILE = 1 << 30
"""A larger file is refused: a shard is read whole."""

PER_FILE = 100
"""Pictures that `write_shards` puts in one file."""

Picture = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""A photo (H, W, 3) and its disparity (H, W)."""


def shard_files(folder: Path) -> list[Path]:
    """Return the shards of a folder, sorted by name.

    Raises:
        InputError: the folder is missing or holds none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder that holds shards (.npz)")
    files = sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))
    if not files:
        raise InputError(f"no shard in {folder}: it must hold .npz files with `photo` and `disparity`")
    return files


def read_shard(path: Path) -> list[Picture]:
    """Read all pictures of one shard.

    Raises:
        InputError: too large, damaged, or not of this format.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(f"{path} has {path.stat().st_size} bytes; a shard has at most {LARGEST_FILE}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            photo, disparity, packed = arrays["photo"], arrays["disparity"], "photo_end" in arrays.files
        if packed:
            return [(picture, truth) for picture, truth, _, _ in read_packed(path)]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} is no shard with `photo` and `disparity`: {error}") from error
    if photo.dtype != np.uint8 or photo.ndim != 4 or photo.shape[3] != 3:
        raise InputError(f"{path}: `photo` must be N x H x W x 3 uint8, got {photo.shape} {photo.dtype}")
    if disparity.shape != photo.shape[:3] or disparity.dtype.kind not in "uf":
        raise InputError(
            f"{path}: `disparity` must be {photo.shape[:3]} uint16 or float, "
            f"got {disparity.shape} {disparity.dtype}"
        )
    if disparity.dtype.kind == "f" and not np.isfinite(disparity).all():
        raise InputError(f"{path}: `disparity` holds values that are not finite")
    return [(p, unit_range(d.astype(np.float32))) for p, d in zip(photo, disparity, strict=True)]


def unit_range(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring disparity to [0, 1]; a flat one becomes 0.5."""
    low, high = float(disparity.min()), float(disparity.max())
    if high - low < 1e-6 * max(abs(low), abs(high), 1e-6):
        return np.full_like(disparity, 0.5)
    return (disparity - np.float32(low)) / np.float32(high - low)


def write_shards(folder: Path, pictures: Iterator[Picture], overwrite: bool = False) -> int:
    """Write pictures to `folder`, one file for up to `PER_FILE` of the same size in a row; return how many.

    Args:
        folder: made if it is missing.
        pictures: photos uint8 and disparity in [0, 1].
        overwrite: replace files of the same name.
    """
    count, held = 0, list[Picture]()
    for picture in pictures:
        if held and (len(held) == PER_FILE or held[0][0].shape != picture[0].shape):
            count = _write(folder, held, count, overwrite)
            held = []
        held.append(picture)
    return _write(folder, held, count, overwrite) if held else count


def _write(folder: Path, held: list[Picture], count: int, overwrite: bool) -> int:
    photo = np.stack([picture[0] for picture in held])
    disparity = np.stack([np.round(np.clip(picture[1], 0, 1) * 65535).astype(np.uint16) for picture in held])
    with atomic_file(folder / f"{count:07d}.npz", overwrite) as path, path.open("wb") as file:
        np.savez(file, photo=photo, disparity=disparity)
    return count + len(held)
