"""Labels of a teacher: any depth network's disparity of any folder of photos, as shards to train on.

A student learns from each photo many times, cropped and changed, so the teacher looks once and well: at two
sizes and at the mirror image of each, averaged after each was brought to the same middle and spread.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..reference.errors import InputError
from ..reference.photo.decode import read_photo
from ..reference.progress import track
from .shards import Picture, unit_range, write_shards

logger = logging.getLogger(__name__)

LONG_SIDE = 640
"""Pixels of the long side of what is kept of a photo."""

TEACHER_SIDES = (384, 512)
"""Long sides, in pixels, that the teacher looks at."""

_MULTIPLE = 32


def distil(photos: Sequence[Path], teacher: str, folder: Path, overwrite: bool = False) -> int:
    """Write shards of photos with the disparity that a teacher sees in them; return how many.

    Photos that cannot be read are skipped and named in the log.

    Args:
        photos: files.
        teacher: a depth network, by name or path.
        folder: for the shards.
        overwrite: replace shards that are there.

    Raises:
        InputError: no such network, or not one photo could be read.
    """
    count = write_shards(folder, _labelled(photos, teacher), overwrite)
    if count == 0:
        raise InputError(f"none of the {len(photos)} photos could be read: nothing to learn from")
    return count


def _labelled(photos: Sequence[Path], teacher: str) -> Iterator[Picture]:
    for path in track(photos, f"disparity by {teacher}"):
        try:
            pixels = read_photo(path).pixels
        except InputError as error:
            logger.warning("left out %s: %s", path.name, error)
            continue
        scale = min(1.0, LONG_SIDE / max(pixels.shape[:2]))
        height, width = (max(_MULTIPLE, round(side * scale)) for side in pixels.shape[:2])
        photo = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
        yield photo, teach(photo, teacher)


def teach(photo: NDArray[np.uint8], teacher: str) -> NDArray[np.float32]:
    """Return the teacher's disparity of a photo (H, W, 3), as (H, W) in [0, 1]."""
    import torch

    from ..reference.networks import depth_network

    height, width = photo.shape[:2]
    seen = []
    for side in TEACHER_SIDES:
        size = [
            max(2 * _MULTIPLE, round(s * side / max(height, width) / _MULTIPLE) * _MULTIPLE)
            for s in (height, width)
        ]
        network = depth_network(teacher, *size)
        small = Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.LANCZOS)
        x = torch.from_numpy(np.asarray(small, np.float32) / 255).permute(2, 0, 1)[None].contiguous()
        with torch.inference_mode():
            # The mirror image shows the same disparity mirrored; what differs is error.
            both = [network(x)[0, 0], network(x.flip(-1))[0, 0].flip(-1)]
        for plane in both:
            standard = (plane - plane.median()) / (plane - plane.median()).abs().mean().clamp(min=1e-6)
            picture = Image.fromarray(standard.float().numpy())
            seen.append(np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)))
    return unit_range(np.mean(seen, axis=0, dtype=np.float32))
