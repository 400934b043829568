"""What a program is given: files, photos and seeded values; and what a file must not do."""

import io
import zipfile

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.mil.arrays import read_arrays, write_arrays
from ldikit.runtime.mil.features import Feature
from ldikit.runtime.mil.inputs import random_inputs, read_inputs
from PIL import Image


class Model:
    """As much of a model as its inputs need."""

    path = "model.mlpackage"

    def __init__(self, *inputs):
        self.inputs = inputs


PHOTO = Feature("photo", "image", (40, 60, 3), "uint8", "rgb")
GREY = Feature("mask", "image", (40, 60), "float16", "grey fp16")
TENSOR = Feature("t", "tensor", (2, 3), "float32")
INDEX = Feature("i", "tensor", (50,), "int32")


def test_arrays_come_by_name_and_alone(tmp_path):
    t, i = np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros(50, np.int32)
    np.savez(tmp_path / "both.npz", t=np.asfortranarray(t), i=i)
    np.savez_compressed(tmp_path / "other.npz", whatever=t)
    np.save(tmp_path / "t.npy", t)
    both = read_inputs(Model(TENSOR, INDEX), [str(tmp_path / "both.npz")])
    assert np.array_equal(both["t"], t)
    assert np.array_equal(both["i"], i)
    for text in (f"t={tmp_path}/both.npz", f"t={tmp_path}/other.npz", f"t={tmp_path}/t.npy"):
        found = read_inputs(Model(TENSOR, INDEX), [text])
        assert list(found) == ["t"]
        assert np.array_equal(found["t"], t)
    assert np.array_equal(read_inputs(Model(TENSOR), [f"{tmp_path}/t.npy"])["t"], t)


def test_a_photo_takes_the_shape_of_the_image(tmp_path):
    Image.new("RGB", (90, 60), (10, 200, 30)).save(tmp_path / "p.png")
    pixels = read_inputs(Model(PHOTO, TENSOR), [f"{tmp_path}/p.png"])["photo"]
    assert (pixels.shape, pixels.dtype) == ((40, 60, 3), np.uint8)
    assert (pixels == [10, 200, 30]).all()
    grey = read_inputs(Model(PHOTO, GREY), [f"mask={tmp_path}/p.png"])["mask"]
    assert (grey.shape, grey.dtype) == ((40, 60), np.float16)
    # ITU-R 601: 0.299·10 + 0.587·200 + 0.114·30 = 123.8
    assert (grey == 124).all()


@pytest.mark.parametrize(
    ("features", "text", "said"),
    [
        ((TENSOR,), "missing.npz", "cannot read .*missing.npz: No such file"),
        ((TENSOR,), "text.npz", "no .npz or .npy file"),
        ((TENSOR,), "objects.npy", "wants numbers, got object"),
        ((TENSOR,), "objects.npz", "'a' wants numbers"),
        ((TENSOR,), "short.npy", "cut short"),
        ((TENSOR,), "huge.npz", "cut short"),
        ((TENSOR,), "a.npz", "no input 'a'; its inputs: t"),
        ((TENSOR,), "z=a.npz", "no input 'z'; its inputs: t"),
        ((TENSOR, INDEX), "a.npy", "2 inputs .t, i."),
        ((TENSOR, INDEX), "t=two.npz", "no array 't'; it has a, b"),
        ((TENSOR,), "p.png", "0 image inputs"),
        ((TENSOR, PHOTO), "t=p.png", "'t' is no image input"),
        ((PHOTO,), "a.jpg", "a.jpg"),
    ],
)
def test_bad_files_are_refused(features, text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.zeros((2, 3), np.float32)
    np.save("a.npy", array)
    np.savez("a.npz", a=array)
    np.savez("two.npz", a=array, b=array)
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.savez("objects.npz", a=np.array([{}], object), allow_pickle=True)
    (tmp_path / "short.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-4])
    (tmp_path / "text.npz").write_text("no arrays")
    Image.new("RGB", (90, 60)).save("p.png")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**9)}
    )
    with zipfile.ZipFile("huge.npz", "w") as archive:
        archive.writestr("t.npy", header.getvalue())
    with pytest.raises(InputError, match=said):
        read_inputs(Model(*features), [text])


def test_an_input_given_twice_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(InputError, match="given twice"):
        read_inputs(Model(TENSOR), [f"{tmp_path}/a.npy"] * 2)


def test_a_file_that_unpacks_to_too_much_is_refused_by_its_directory(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1000, np.float32))
    monkeypatch.setattr("ldikit.runtime.mil.arrays.MAX_BYTES", 3999)
    with pytest.raises(InputError, match="more than 2 GiB"):
        read_arrays(tmp_path / "a.npz")


def test_arrays_are_written_whole_and_not_over_others(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, {"x/y": np.arange(3)}, False)
    assert read_arrays(path)["x/y"].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="--overwrite"):
        write_arrays(path, {}, False)
    with pytest.raises(InputError, match="npz"):
        write_arrays(tmp_path / "a.dat", {}, False)


def test_random_inputs_are_the_same_again_and_within_their_types():
    small = Feature("s", "tensor", (), "float16", ranges=((1, 4), (7, None)))
    optional = Feature("o", "tensor", (1,), "float32", optional=True)
    first, again = (random_inputs(Model(PHOTO, GREY, TENSOR, INDEX, small, optional)) for _ in range(2))
    assert list(first) == ["photo", "mask", "t", "i", "s"]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert (first["photo"].dtype, first["photo"].shape, first["photo"].min(), first["photo"].max()) == (
        np.uint8,
        (40, 60, 3),
        0,
        255,
    )
    assert (first["mask"].dtype, first["t"].dtype, first["t"].shape) == (np.float16, np.float32, (2, 3))
    assert set(first["i"].tolist()) == set(range(10))
    assert first["s"].shape == (1, 7)
    with pytest.raises(InputError, match="open shape"):
        random_inputs(Model(Feature("open", "tensor", (), "float32")))
