import hashlib
import json

import numpy as np
import pytest
import torch
from ldikit.calibration import samples as module
from ldikit.calibration.samples import (
    bundled_samples,
    folder_samples,
    scene_samples,
)
from ldikit.calibration.sources import BUNDLED
from ldikit.reference.errors import InputError
from ldikit.reference.photo.decode import read_photo
from ldikit.reference.photo.digest import pixels_digest
from ldikit.reference.photo.resize import to_program
from ldikit.reference.sizes import ProgramSize
from PIL import Image

LANDSCAPE, PORTRAIT = ProgramSize(64, 96), ProgramSize(96, 64)


def small(height, width):
    return PORTRAIT if height > width else LANDSCAPE


def pixels(seed, height=48, width=64):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    Image.fromarray(pixels(0)).save(folder / "a.png")
    Image.fromarray(pixels(1, 64, 48)).save(folder / "b.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def test_the_digest_is_of_shape_and_pixels():
    photo = pixels(3, 2, 4)
    expected = hashlib.sha256(b"2x4:" + bytes(photo.flatten().tolist())).hexdigest()
    assert pixels_digest(photo) == expected
    assert pixels_digest(photo.transpose(1, 0, 2)) != expected
    assert pixels_digest(photo.transpose(1, 0, 2).copy().transpose(1, 0, 2)) == expected
    assert pixels_digest(photo.reshape(4, 2, 3)) != expected
    with pytest.raises(InputError, match="uint8"):
        pixels_digest(photo.astype(np.float32))


def test_a_folder_gives_each_photo_at_the_size_that_fits_and_skips_what_is_none(folder):
    made = folder_samples(folder, small)
    assert len(made) == 3
    first, second = made
    assert (first.name, first.photo.shape) == ("a.png", (1, 3, 64, 96))
    assert (second.name, second.photo.shape) == ("b.png", (1, 3, 96, 64))
    np.testing.assert_array_equal(first.photo.numpy(), to_program(pixels(0), 64, 96))
    assert first.photo.dtype == torch.float32
    data = made.data
    assert [(used.name, used.sha256) for used in data.samples] == [
        ("a.png", pixels_digest(pixels(0))),
        ("b.png", pixels_digest(pixels(1, 64, 48))),
    ]
    assert [photo.name for photo in data.skipped] == ["broken.jpg"]
    assert "broken.jpg" in data.skipped[0].reason and str(folder) not in data.skipped[0].reason
    assert data.source == "3 of 3 photos in folder holiday"
    # A second pass gives the same.
    assert [sample.sha256 for sample in made] == [used.sha256 for used in data.samples] and made.data == data


def test_what_was_used_goes_into_json(folder):
    made = folder_samples(folder, small)
    with pytest.raises(RuntimeError, match="not been iterated"):
        _ = made.data
    list(made)
    written = json.loads(json.dumps(made.data.to_json()))
    assert written["samples"][1] == {"name": "b.png", "sha256": pixels_digest(pixels(1, 64, 48))}
    assert written["skipped"][0]["name"] == "broken.jpg"


def test_photos_that_verify_are_left_out_whatever_their_file(folder):
    Image.fromarray(pixels(0)).save(folder / "same.webp", lossless=True)
    verifying = pixels_digest(read_photo(folder / "a.png").pixels)
    made = folder_samples(folder, small, excluding={verifying})
    assert [sample.name for sample in made] == ["b.png"]
    assert [photo.name for photo in made.data.skipped] == ["a.png", "broken.jpg", "same.webp"]
    assert made.data.skipped[0].reason == made.data.skipped[2].reason == "it is among the photos that verify"


def test_when_no_photo_is_left_it_says_why(folder):
    every = {pixels_digest(pixels(0)), pixels_digest(pixels(1, 64, 48))}
    with pytest.raises(InputError, match=r"all 3 of .*a\.png.*verify") as caught:
        list(folder_samples(folder, small, excluding=every))
    assert "\n" not in str(caught.value)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"")
    with pytest.raises(InputError, match="all 3 of"):
        list(folder_samples(folder, small))
    for entry in folder.iterdir():
        entry.unlink()
    with pytest.raises(InputError, match="no photo in"):
        folder_samples(folder)


def test_of_a_large_folder_photos_are_taken_evenly(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_PHOTOS", 4)
    for index in range(10):
        Image.fromarray(pixels(index)).save(tmp_path / f"{index}.png")
    made = folder_samples(tmp_path, small)
    assert [sample.name for sample in made] == ["0.png", "2.png", "5.png", "7.png"]
    assert made.data.source.startswith("4 of 10 photos")


def test_the_bundled_photos_can_calibrate():
    made = bundled_samples(small)
    assert tuple(sample.name for sample in made) == BUNDLED


def test_one_sample_is_held_at_a_time(folder, monkeypatch):
    read = []
    monkeypatch.setattr(module, "read_photo", lambda path: read.append(path.name) or read_photo(path))
    samples = iter(folder_samples(folder, small))
    assert read == []
    next(samples)
    assert read == ["a.png"]


def test_scenes_come_from_the_seed_in_both_orientations_without_photos(monkeypatch):
    def refused():
        raise AssertionError("a bundled photo was read")

    from ldikit.calibration.scenes import textures

    textures.atlas.cache_clear()
    monkeypatch.setattr(textures, "bundled_images", refused)
    made = scene_samples(6, seed=5, size_for=small)
    first, again = list(made), list(scene_samples(6, seed=5, size_for=small))
    assert [tuple(sample.photo.shape[2:]) for sample in first] == [(64, 96), (96, 64)] * 3
    assert [sample.sha256 for sample in first] == [sample.sha256 for sample in again]
    assert len({sample.sha256 for sample in first}) == 6
    assert first[0].name == "scene 5-0" and made.data.samples[5].name == "scene 5-5"
    # Pixels that a phone can hold.
    values = first[0].photo * 255
    torch.testing.assert_close(values, values.round(), rtol=0, atol=1e-4)
    other = next(iter(scene_samples(1, seed=6, size_for=small)))
    assert other.sha256 != first[0].sha256
    one_size = list(scene_samples(2, seed=5, size_for=lambda height, width: LANDSCAPE))
    assert all(sample.photo.shape[2:] == (64, 96) for sample in one_size)
    with pytest.raises(InputError, match="at least one scene"):
        scene_samples(0)
