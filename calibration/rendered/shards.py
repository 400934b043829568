"""Pictures and truth in compressed files of a few hundred each, written whole or not at all."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .make import Picture
from .stage import Rng

VERSION = 1


def write_shard(path: Path, pictures: Sequence[Picture], rng: Rng) -> None:
    """Write one shard: JPEG photos of random quality, 16-bit PNG disparities, kinds and scales."""
    photos, truths, scales = [], [], []
    for picture in pictures:
        photos.append(
            _encoded(
                Image.fromarray(picture.photo),
                "JPEG",
                quality=int(rng.integers(60, 98)),
                subsampling=int(rng.integers(0, 3)),
            )
        )
        scale = float(picture.disparity.max())
        values = np.round(picture.disparity / max(scale, 1e-9) * 65535).astype(np.uint16)
        truths.append(_encoded(Image.fromarray(values), "PNG", compress_level=3))
        scales.append(scale)
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez(
            stream,
            version=np.int64(VERSION),
            photo=np.frombuffer(b"".join(photos), np.uint8),
            photo_end=np.cumsum([len(p) for p in photos]),
            disparity=np.frombuffer(b"".join(truths), np.uint8),
            disparity_end=np.cumsum([len(t) for t in truths]),
            scale=np.array(scales, np.float32),
            kind=np.array([p.kind for p in pictures]),
        )
    part.replace(path)


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def read_shard(path: Path) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32], float, str]]:
    """Photo H×W×3 uint8, disparity H×W float32 in [0,1] (1: nearest; 0: sky or endlessly far), scale, kind.

    Disparity times scale is the inverse depth in 1/metre.
    """
    with np.load(path, allow_pickle=False) as held:
        data = {name: held[name] for name in held.files}
    starts = [np.concatenate([[0], data[f"{n}_end"]]) for n in ("photo", "disparity")]
    for i, kind in enumerate(data["kind"]):
        photo, truth = (
            np.array(Image.open(BytesIO(data[n][s[i] : s[i + 1]].tobytes())))
            for n, s in zip(("photo", "disparity"), starts, strict=True)
        )
        yield photo, (truth / 65535).astype(np.float32), float(data["scale"][i]), str(kind)
