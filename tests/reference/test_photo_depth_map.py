"""The user's own depth: values kept linear, larger = nearer, fitted to the photo, bad maps refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ldikit.reference.errors import InputError
from ldikit.reference.photo.depth_map import read_depth_map
from PIL import Image

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def ramp(height: int, width: int, low: float, high: float) -> np.ndarray:
    return np.repeat(np.linspace(low, high, width)[None], height, axis=0)


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
def test_eight_bits_brighter_is_nearer(tmp_path: Path, suffix: str) -> None:
    values = ramp(32, 64, 40, 200).round().astype(np.uint8)
    options = {"quality": 100} if suffix == "jpg" else {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(values).save(tmp_path / f"d.{suffix}", **options)
    disparity = read_depth_map(tmp_path / f"d.{suffix}", 32, 64)
    assert disparity.dtype == np.float32 and disparity.shape == (32, 64)
    assert disparity.min() == 0 and disparity.max() == 1
    assert np.abs(disparity - (values - 40.0) / 160).max() <= (0.02 if suffix == "jpg" else 1e-6)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    values = (1000 + np.arange(32 * 64).reshape(32, 64)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / f"d.{suffix}")
    disparity = read_depth_map(tmp_path / f"d.{suffix}", 32, 64)
    assert np.abs(disparity - np.arange(32 * 64).reshape(32, 64) / 2047).max() < 1e-6
    assert len(np.unique(disparity)) == 2048  # 8 bits would leave 9


def test_float_tiff_and_bilevel(tmp_path: Path) -> None:
    Image.fromarray(ramp(32, 64, -3.0, 5.0).astype(np.float32)).save(tmp_path / "d.tif")
    assert np.abs(read_depth_map(tmp_path / "d.tif", 32, 64) - ramp(32, 64, 0, 1)).max() < 1e-6
    image = Image.new("1", (64, 32), 0)
    image.paste(1, (0, 0, 10, 32))
    image.save(tmp_path / "d.png")
    disparity = read_depth_map(tmp_path / "d.png", 32, 64)
    assert (disparity[:, :10] == 1).all() and (disparity[:, 10:] == 0).all()


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">f8", "u1", "<u2", ">i4", "<i8"])
@pytest.mark.parametrize("shape", [(16, 24), (1, 16, 24), (16, 24, 1), (1, 1, 16, 24)])
def test_npy(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = (np.arange(16 * 24) % 100).reshape(16, 24)
    np.save(tmp_path / "d.npy", values.astype(dtype).reshape(shape))
    disparity = read_depth_map(tmp_path / "d.npy", 16, 24)
    assert np.abs(disparity - values / 99).max() < 1e-6


def test_npy_in_column_order_and_under_another_name(tmp_path: Path) -> None:
    values = np.asfortranarray(ramp(16, 24, 0, 1))
    with (tmp_path / "depth.bin").open("wb") as stream:
        np.save(stream, values)
    assert np.abs(read_depth_map(str(tmp_path / "depth.bin"), 16, 24) - values).max() < 1e-6


@settings(max_examples=20)
@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_any_linear_unit_gives_the_same(tmp_path_factory: pytest.TempPathFactory, a: float, b: float) -> None:
    path = tmp_path_factory.mktemp("depth") / "d.npy"
    assume(a or b)
    low, high = min(a, b), max(a, b)
    values = np.where(np.arange(8 * 8).reshape(8, 8) % 3 == 0, high, low)
    np.save(path, values)
    disparity = read_depth_map(path, 8, 8)
    expected = np.full((8, 8), 0.5) if low == high else (values == high).astype(float)
    assert np.array_equal(disparity, expected)


def test_extreme_range_does_not_overflow(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.tile([-1.7e308, 0, 1.7e308], (8, 3)))
    disparity = read_depth_map(tmp_path / "d.npy", 8, 9)
    assert np.array_equal(disparity[0, :3], [0, 0.5, 1])


def test_constant_map_is_half_everywhere(tmp_path: Path) -> None:
    Image.new("L", (40, 32), 200).save(tmp_path / "d.png")
    assert (read_depth_map(tmp_path / "d.png", 64, 80) == 0.5).all()


def test_smaller_map_is_interpolated_not_repeated(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", ramp(12, 16, 0, 1))
    disparity = read_depth_map(tmp_path / "d.npy", 120, 160)
    centres = np.clip((np.arange(160) + 0.5) / 10 - 0.5, 0, 15) / 15
    assert np.abs(disparity - centres).max() < 1e-5
    assert disparity.min() >= 0 and disparity.max() <= 1


def test_larger_map_is_averaged(tmp_path: Path) -> None:
    values = np.zeros((64, 96))
    values[::2] = 1
    np.save(tmp_path / "d.npy", values)
    disparity = read_depth_map(tmp_path / "d.npy", 32, 48)  # each pixel the mean of its own 2×2
    assert disparity.shape == (32, 48)
    assert np.abs(disparity - 0.5).max() < 1e-6


def test_aspect(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", ramp(192, 256, 0, 1))
    assert read_depth_map(tmp_path / "d.npy", 303, 400).shape == (303, 400)  # 1 % off
    for height, width in [(400, 300), (300, 410), (292, 400)]:
        with pytest.raises(InputError, match="another shape than the photo"):
            read_depth_map(tmp_path / "d.npy", height, width)


def test_orientation_of_the_file_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    stored = ramp(32, 64, 0, 255).astype(np.uint8)
    Image.fromarray(stored).save(tmp_path / "d.png", exif=exif)
    disparity = read_depth_map(tmp_path / "d.png", 64, 32)
    assert (np.diff(disparity[:, 0]) > 0).all()


@pytest.mark.parametrize(("bad", "count"), [([np.nan], 1), ([np.inf, -np.inf, np.nan], 3)])
@pytest.mark.parametrize("suffix", ["npy", "tif"])
def test_not_finite(tmp_path: Path, bad: list[float], count: int, suffix: str) -> None:
    values = ramp(600, 16, 0, 1).astype(np.float32)
    values[[5, 300, 599][: len(bad)], 3] = bad
    path = tmp_path / f"d.{suffix}"
    np.save(path, values) if suffix == "npy" else Image.fromarray(values).save(path)
    with pytest.raises(InputError, match=rf"d\.{suffix} has {count} values of 9600 that are not finite"):
        read_depth_map(path, 600, 16)


def test_grey_stored_as_colour_is_read_and_colour_refused(tmp_path: Path) -> None:
    grey = ramp(32, 64, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "d.png")
    assert np.abs(read_depth_map(tmp_path / "d.png", 32, 64) - grey / 255).max() < 1e-6
    Image.fromarray(np.dstack([grey] * 3 + [np.full_like(grey, 255)])).save(tmp_path / "d.png")
    assert np.abs(read_depth_map(tmp_path / "d.png", 32, 64) - grey / 255).max() < 1e-6
    Image.fromarray(np.dstack([grey, grey, 255 - grey])).save(tmp_path / "d.png")
    with pytest.raises(InputError, match="coloured"):
        read_depth_map(tmp_path / "d.png", 32, 64)
    Image.fromarray(np.dstack([grey] * 3 + [grey])).save(tmp_path / "d.png")
    with pytest.raises(InputError, match="transparent"):
        read_depth_map(tmp_path / "d.png", 32, 64)


class Trap:
    """Pickled, it would write a file when loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.array([[Trap(tmp_path / "sprung")]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="plain numbers"):
        read_depth_map(tmp_path / "d.npy", 8, 8)
    assert not (tmp_path / "sprung").exists()


def test_bad_arrays(tmp_path: Path) -> None:
    path = tmp_path / "d.npy"
    for array, reason in [
        (np.zeros((8, 8), complex), "real numbers, got complex128"),
        (np.zeros((8, 8), bool), "real numbers, got bool"),
        (np.zeros((8, 8), "U3"), "real numbers"),
        (np.zeros((8, 8, 3)), "must be \\(height, width\\)"),
        (np.zeros(64), "must be \\(height, width\\)"),
        (np.zeros(()), "must be \\(height, width\\)"),
        (np.zeros((4, 40)), "at least 8 a side"),
    ]:
        np.save(path, array)
        with pytest.raises(InputError, match=reason):
            read_depth_map(path, 8, 8)
    np.save(path, np.zeros((0, 8)))
    with pytest.raises(InputError):
        read_depth_map(path, 8, 8)
    np.save(path, np.zeros((64, 64)))
    for kind in ("disparity", "inverted", "depth"):
        with pytest.raises(InputError, match=r"d\.npy is 0 everywhere: it holds no depth"):
            read_depth_map(path, 64, 64, kind)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        read_depth_map(path, 64, 64)
    path.write_text("0.1 0.2 0.3")
    with pytest.raises(InputError, match=r"no \.npy"):
        read_depth_map(path, 8, 8)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read_depth_map(path, 8, 8)


def test_an_array_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    with (tmp_path / "d.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|u1", "fortran_order": False, "shape": (20_000, 10_000)}
        )
        stream.truncate(stream.tell() + 200_000_000)  # sparse: no disk is used
    with pytest.raises(InputError, match="at most 100 megapixels"):
        read_depth_map(tmp_path / "d.npy", 2000, 1000)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such depth map"):
        read_depth_map(tmp_path / "none.npy", 8, 8)
    with pytest.raises(InputError, match="folder"):
        read_depth_map(tmp_path, 8, 8)
    (tmp_path / "d.png").write_text("no picture")
    with pytest.raises(InputError, match="no depth map that can be read"):
        read_depth_map(tmp_path / "d.png", 8, 8)


@pytest.mark.parametrize("name", ["lensblur_flowers", "lensblur_mango"])
def test_real_phone_depth(name: str) -> None:
    folder = DATA / "rgbd" / name
    if not folder.exists():
        pytest.skip(f"no {name} in shared/data: this real depth map is not checked")
    with Image.open(folder / "image.jpg") as photo:
        width, height = photo.size
    disparity = read_depth_map(folder / "depth_white_is_far.jpg", height, width)
    with Image.open(folder / "depth_white_is_far.jpg") as raw:
        values = np.asarray(raw.convert("L")).astype(float)
    assert disparity.shape == (height, width)
    assert np.abs(disparity - (values - values.min()) / np.ptp(values)).max() < 1e-6


def test_inverted_is_the_same_turned_round(tmp_path: Path) -> None:
    values = ramp(32, 64, 40, 200).round().astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "d.png")
    near = read_depth_map(tmp_path / "d.png", 32, 64)
    assert np.abs(read_depth_map(tmp_path / "d.png", 32, 64, "inverted") - (1 - near)).max() < 1e-6


def test_distances_become_disparity(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.repeat(np.array([[1000, 2000, 4000]], np.uint16), 8, 0).repeat(4, 1))
    # 1, 1/2 and 1/4, stretched from [1/4, 1] to [0, 1].
    disparity = read_depth_map(tmp_path / "d.npy", 8, 12, "depth")
    assert np.allclose(disparity[0, ::4], [1, 1 / 3, 0])


def test_distances_must_be_positive_and_kinds_known(tmp_path: Path) -> None:
    values = np.ones((8, 12))
    values[0, :5], values[1, 0] = 0, -1
    np.save(tmp_path / "d.npy", values)
    with pytest.raises(InputError, match=r"6 values of 96 that are no distances.*inverted"):
        read_depth_map(tmp_path / "d.npy", 8, 12, "depth")
    with pytest.raises(
        InputError, match="unknown kind of depth map 'far'; known: disparity, inverted, depth"
    ):
        read_depth_map(tmp_path / "d.npy", 8, 12, "far")
    read_depth_map(tmp_path / "d.npy", 8, 12)


@pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data here")
def test_lens_blur_whose_white_is_far() -> None:
    folder = DATA / "rgbd" / "lensblur_mango"
    with Image.open(folder / "depth_white_is_far.jpg") as stored:
        grey = np.asarray(stored.convert("L")).astype(float)
    disparity = read_depth_map(folder / "depth_white_is_far.jpg", *grey.shape, "inverted")
    assert np.corrcoef(disparity.ravel(), grey.ravel())[0, 1] < -0.999
