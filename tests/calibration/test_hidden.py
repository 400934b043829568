"""What a training of inpainting sees: windows of torn scenes, from the bundled photos and a folder's."""

from pathlib import Path

import numpy as np
import pytest
from ldikit.calibration import hidden
from ldikit.calibration.hidden import hidden_batches, pictures_of, window
from ldikit.calibration.scenes.scene import Scene
from ldikit.reference.errors import InputError
from ldikit.reference.sizes import ProgramSize
from PIL import Image

SIZE = ProgramSize(64, 96)


def step(height: int = 96, width: int = 144) -> Scene:
    """A near right half before a plane whose colour tells the column, mirrored or not."""
    disparity = np.full((2, 1, height, width), 0.1, np.float32)
    disparity[0, :, :, width // 2 :] = 0.9
    color = np.zeros((2, 3, height, width), np.float32)
    color[1] = np.linspace(0, 1, width, dtype=np.float32)
    occupancy = (disparity > 0.5)[:1].astype(np.float32)
    return Scene(color[0], color[0], color, disparity, np.concatenate([occupancy * 0 + 1, occupancy]), "test")


def test_batches_hold_what_training_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden, "POOL", 4)
    batch = next(hidden_batches(3, 2, SIZE))
    assert {name: (array.shape, array.dtype.name) for name, array in batch.items()} == {
        "color": ((2, 2, 3, 64, 96), "float32"),
        "disparity": ((2, 2, 1, 64, 96), "float32"),
        "occupancy": ((2, 2, 1, 64, 96), "float32"),
    }
    again = next(hidden_batches(3, 2, SIZE))
    other = next(hidden_batches(3, 2, SIZE, start=1))
    assert np.array_equal(batch["color"], again["color"])
    assert not np.array_equal(batch["color"], other["color"])


def test_a_window_keeps_its_planes_together() -> None:
    scene = step()
    for seed in range(12):
        found = window(np.random.default_rng(seed), scene, 64, 96)
        assert found is not None
        color, disparity, occupancy = found
        assert np.array_equal(occupancy[1], (disparity[0] > 0.5).astype(np.float32))
        # The hidden colour still tells where each pixel was: on the near side it was in the right half.
        assert ((color[1, 0] > 0.5) == (disparity[0, 0] > 0.5)).all()


def test_where_nothing_is_torn_there_is_nothing_to_learn() -> None:
    scene = step()
    flat = Scene(
        scene.photo, scene.clean, scene.color, np.full_like(scene.disparity, 0.3), scene.occupancy, "test"
    )
    assert window(np.random.default_rng(0), flat, 64, 96) is None


def test_photos_stand_beside_the_bundled_ones(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 1500), (1, 2, 3)).save(tmp_path / "wide.png")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    pictures = pictures_of(tmp_path)
    assert len(pictures) == len(pictures_of(None)) + 1
    assert pictures[-1].size == (1024, 512)
    assert pictures[-1].getpixel((5, 5)) == (1, 2, 3)


def test_a_folder_of_nothing_readable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(InputError, match=r"none of the 1 photos .* broken\.jpg"):
        pictures_of(tmp_path)
