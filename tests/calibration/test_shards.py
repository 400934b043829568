"""Shards: what is written comes back, and what is no shard is refused by name."""

import numpy as np
import pytest
from ldikit.calibration.shards import read_shard, shard_files, unit_range, write_shards
from ldikit.reference.errors import InputError


def picture(height, width, value):
    photo = np.full((height, width, 3), value, np.uint8)
    return photo, np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)


def test_pictures_come_back_in_order_one_file_a_size(tmp_path):
    made = [picture(4, 6, 1), picture(4, 6, 2), picture(6, 4, 3)]
    assert write_shards(tmp_path / "s", iter(made)) == 3
    files = shard_files(tmp_path / "s")
    assert [len(read_shard(path)) for path in files] == [2, 1]
    back = [p for path in files for p in read_shard(path)]
    for (photo, disparity), (photo2, disparity2) in zip(made, back, strict=True):
        assert np.array_equal(photo, photo2)
        # 16 bits.
        assert np.abs(disparity - disparity2).max() <= 0.5 / 65535 + 1e-7


def test_any_scale_of_disparity_is_brought_to_the_unit_range():
    assert unit_range(np.array([[2.0, 4.0, 3.0]], np.float32)).tolist() == [[0.0, 1.0, 0.5]]
    assert unit_range(np.full((1, 2), 7.0, np.float32)).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"photo": np.zeros((1, 4, 4, 3), np.uint8)}, "no shard"),
        ({"photo": np.zeros((1, 4, 4), np.uint8), "disparity": np.zeros((1, 4, 4), np.uint16)}, "x 3 uint8"),
        (
            {"photo": np.zeros((1, 4, 4, 3), np.uint8), "disparity": np.zeros((1, 4, 5), np.uint16)},
            r"\(1, 4, 4\)",
        ),
        (
            {"photo": np.zeros((1, 2, 2, 3), np.uint8), "disparity": np.full((1, 2, 2), np.nan, np.float32)},
            "not finite",
        ),
    ],
)
def test_what_is_no_shard_is_refused(tmp_path, arrays, said):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=said):
        read_shard(path)


def test_pickles_are_never_loaded_and_damage_is_named(tmp_path):
    np.savez(tmp_path / "p.npz", photo=np.array([{}], object), disparity=np.zeros(1))
    (tmp_path / "d.npz").write_bytes(b"PK\x03\x04 no zip")
    for name in ("p.npz", "d.npz"):
        with pytest.raises(InputError, match=name):
            read_shard(tmp_path / name)


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(InputError, match="no shard in"):
        shard_files(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        shard_files(tmp_path / "none")
