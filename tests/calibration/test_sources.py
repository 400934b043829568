import numpy as np
import pytest
from ldikit.calibration.sources import IMAGE_SUFFIXES, bundled_photos, folder_photos
from ldikit.reference.errors import InputError
from PIL import Image


def test_bundled_photos_are_photos_of_both_orientations_each_with_its_licence():
    paths = bundled_photos()
    assert len(paths) == 6
    shapes = set()
    licences = (paths[0].parent / "LICENSES.md").read_text()
    for path in paths:
        with Image.open(path) as photo:
            pixels = np.asarray(photo.convert("RGB"))
        assert min(pixels.shape[:2]) >= 300
        assert pixels.std() > 20
        shapes.add(pixels.shape[0] > pixels.shape[1])
        assert f"| `{path.name}` |" in licences
    assert shapes == {True, False}
    assert sorted(path.name for path in paths[0].parent.glob("*.jpg")) == sorted(path.name for path in paths)
    assert sum(path.stat().st_size for path in paths) <= 1.5e6


def test_folder_photos_are_sorted_and_only_photos(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "c.heic"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "d.jpg").write_bytes(b"x")
    assert [path.name for path in folder_photos(tmp_path)] == ["a.png", "b.JPG", "c.heic"]
    assert folder_photos(str(tmp_path)) == folder_photos(tmp_path)


def test_a_folder_that_cannot_serve_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        folder_photos(tmp_path / "nowhere")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    with pytest.raises(InputError, match=r"photo\.jpg is not a folder"):
        folder_photos(photo)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no photo in") as caught:
        folder_photos(empty)
    assert all(suffix[1:] in str(caught.value) for suffix in IMAGE_SUFFIXES)
    assert "\n" not in str(caught.value)
