"""Damaged photos give a depth, a note or an InputError, and nothing else."""

import random
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.photo.embedded import search_embedded_depth

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"


def mutated(data: bytes, seed: int, reach: int) -> bytes:
    """Change, cut, or double bytes, mostly among the first `reach`, where containers describe themselves."""
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 4, 30))):
        at = chance.randrange(min(reach, len(changed)))
        changed[at] = chance.choice((0, 0xFF, chance.randrange(256)))
    if seed % 5 == 0:
        del changed[chance.randrange(len(changed)) :]
    elif seed % 5 == 1:
        at, length = chance.randrange(len(changed)), chance.randrange(1, 64)
        changed[at:at] = changed[at : at + length]
    return bytes(changed)


def check(path: Path) -> None:
    try:
        found = search_embedded_depth(path)
    except InputError:
        return
    assert all("\n" not in note for note in found.notes)
    if found.depth is not None:
        disparity = found.depth.disparity
        assert disparity.dtype == np.float32 and np.isfinite(disparity).all()
        assert disparity.min() >= 0 and disparity.max() <= 1


@pytest.mark.parametrize("kind", ["apple", "gdepth", "extended"])
def test_mutations(make, write, kind):
    picture = make.encoded(make.ramp(), "PNG")
    data = {
        "apple": lambda: make.apple_photo(make.disparity_aux(make.ramp())),
        "gdepth": lambda: make.gdepth_photo(picture),
        "extended": lambda: make.extended_gdepth_photo(picture, 100),
    }[kind]()
    for seed in range(150):
        check(write(mutated(data, seed, 4000 if seed % 2 else len(data))))


@pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data here")
def test_mutations_of_a_heic(write):
    data = (DATA / "rgbd" / "embedded_iphone_pug_heic" / "image.heic").read_bytes()
    for seed in range(25):
        check(write(mutated(data, seed, 4000)))
