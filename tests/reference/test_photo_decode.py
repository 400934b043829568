"""Photos as people have them, made here in every format, against arrays turned and compared by hand."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.photo.decode import Photo, read_photo
from PIL import Image, ImageFile

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def scene(height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth ramp with four different corners: any wrong turn moves a corner."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [255 * x // (width - 1), 255 * y // (height - 1), 255 * (x + y) // (width + height - 2)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, rest: bytes = b"") -> bytes:
    """A PNG that only states its size: decoding it fails, reading its header does not."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rest or zlib.compress(b"\0"))


def by_hand(stored: np.ndarray, orientation: int) -> np.ndarray:
    """Turn upright what EXIF says of the stored rows and columns (CIPA DC-008, tag 274): slow and literal.

    The tag names the visual side of the 0th row and the 0th column of the stored picture.
    """
    row, column = {
        1: ("top", "left"),
        2: ("top", "right"),
        3: ("bottom", "right"),
        4: ("bottom", "left"),
        5: ("left", "top"),
        6: ("right", "top"),
        7: ("right", "bottom"),
        8: ("left", "bottom"),
    }[orientation]
    height, width = stored.shape[:2]
    tall, wide = (height, width) if row in ("top", "bottom") else (width, height)
    upright = np.zeros((tall, wide, 3), np.uint8)
    for i in range(height):
        for j in range(width):
            place = {"top": 0, "left": 0, "bottom": tall - 1, "right": wide - 1}
            y, x = 0, 0
            for side, steps in ((row, i), (column, j)):
                if side in ("top", "bottom"):
                    y = abs(place[side] - steps)
                else:
                    x = abs(place[side] - steps)
            upright[y, x] = stored[i, j]
    return upright


@pytest.mark.parametrize(
    ("suffix", "kind", "options", "tolerance"),
    [
        ("jpg", "JPEG", {"quality": 95, "subsampling": 0}, 8),
        ("jpg", "JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 8),
        ("png", "PNG", {}, 0),
        ("webp", "WEBP", {"lossless": True}, 0),
        ("webp", "WEBP", {"quality": 95}, 16),
        ("tif", "TIFF", {}, 0),
        ("tif", "TIFF", {"compression": "tiff_lzw"}, 0),
        ("tif", "TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("heic", "HEIF", {"quality": 95}, 16),
        ("avif", "AVIF", {"quality": 95}, 16),
        ("bmp", "BMP", {}, 0),
    ],
)
def test_formats(tmp_path: Path, suffix: str, kind: str, options: dict[str, object], tolerance: int) -> None:
    save(tmp_path / f"a.{suffix}", Image.fromarray(scene()), options)
    photo = read_photo(tmp_path / f"a.{suffix}")
    assert photo.format == kind
    assert photo.mode == "RGB"
    assert photo.size == (48, 64)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous and photo.pixels.flags.writeable
    assert not photo.had_alpha and photo.notes == ()
    assert np.abs(photo.pixels.astype(int) - scene()).max() <= tolerance


def save(path: Path, image: Image.Image, options: dict[str, object]) -> None:
    if path.suffix in (".heic", ".avif"):
        import pillow_heif
        from PIL import features

        encoders = pillow_heif.libheif_info()["encoders"]
        if not (encoders if path.suffix == ".heic" else features.check("avif")):
            pytest.skip(f"no encoder of {path.suffix} here")
        pillow_heif.register_heif_opener()
    image.save(path, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = scene(40, 56)
    exif = Image.Exif()
    exif[0x112] = orientation
    lossless = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(stored).save(path, exif=exif, **lossless)
    assert np.array_equal(read_photo(path).pixels, by_hand(stored, orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_lossy_formats(tmp_path: Path, orientation: int) -> None:
    stored = scene(40, 56)
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=98, subsampling=0)
    turned = read_photo(tmp_path / "a.jpg").pixels
    expected = by_hand(stored, orientation)
    assert turned.shape == expected.shape
    assert np.abs(turned.astype(int) - expected).max() <= 8
    save(tmp_path / "a.heic", Image.fromarray(stored), {"exif": exif.tobytes(), "quality": 95})
    turned = read_photo(tmp_path / "a.heic").pixels
    assert turned.shape == expected.shape
    assert np.abs(turned.astype(int) - expected).mean() <= 4


def test_damaged_exif_leaves_the_photo_as_stored(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert np.array_equal(read_photo(tmp_path / "a.png").pixels, scene())


def test_content_decides_the_format_not_the_name(tmp_path: Path) -> None:
    save(tmp_path / "a.heic", Image.fromarray(scene()), {})
    (tmp_path / "a.heic").rename(tmp_path / "b.jpg")
    assert read_photo(tmp_path / "b.jpg").format == "HEIF"
    Image.fromarray(scene()).save(tmp_path / "c.heic", format="PNG")
    assert read_photo(str(tmp_path / "c.heic")).format == "PNG"


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_first_of_several_frames(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (40, 32), color) for color in ((200, 0, 0), (0, 200, 0))]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(tmp_path / "a", format=kind, save_all=True, append_images=frames[1:], **options)
    assert (read_photo(tmp_path / "a").pixels == (200, 0, 0)).all()


def test_phone_jpeg_with_a_second_picture_inside(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 32), color) for color in ((200, 0, 0), (0, 200, 0))]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.format == "JPEG"
    assert np.abs(photo.pixels.astype(int) - (200, 0, 0)).max() <= 2


def truncated(tmp_path: Path, suffix: str, share: float) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = tmp_path / f"whole.{suffix}"
    save(whole, Image.fromarray(noise), {})
    data = whole.read_bytes()
    path = tmp_path / f"part.{suffix}"
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("share", [0.2, 0.6, 0.97])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "heic", "avif", "gif", "bmp"])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    path = truncated(tmp_path, suffix, share)
    with pytest.raises(InputError, match="damaged") as caught:
        read_photo(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_truncated_is_refused_even_where_pillow_was_told_to_be_lenient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(InputError, match="truncated"):
        read_photo(truncated(tmp_path, "jpg", 0.6))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_bad_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such photo"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="is a folder"):
        read_photo(tmp_path)
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(InputError, match="empty"):
        read_photo(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("this is no photo\n" * 50)
    with pytest.raises(InputError, match="no photo that can be read"):
        read_photo(tmp_path / "text.jpg")
    with pytest.raises(InputError, match="cannot read the photo"):
        read_photo(tmp_path / ("x" * 300 + ".jpg"))
    with pytest.raises(InputError, match=r"no such photo|cannot read"):
        read_photo(tmp_path / "text.jpg" / "deeper.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="no regular file"):
        read_photo(tmp_path / "pipe.jpg")


def test_corrupt_inside(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    middle = data.index(b"IDAT") + 40
    data[middle : middle + 40] = bytes(40)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_photo(tmp_path / "a.png")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(scene()).save(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so the refusal is made here
    with pytest.raises(InputError, match=r"cannot read the photo .*a.png: Permission denied"):
        read_photo(tmp_path / "a.png")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission_of_the_system(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_photo(tmp_path / "a.png")


def test_limits_of_size(tmp_path: Path) -> None:
    for width, height, accepted in [
        (32, 32, True),
        (31, 64, False),
        (64, 31, False),
        (1, 1, False),
        (256, 32, True),
        (32, 257, False),
        (20000, 10, False),
    ]:
        Image.new("RGB", (width, height)).save(tmp_path / "a.png")
        if accepted:
            assert read_photo(tmp_path / "a.png").size == (height, width)
        else:
            with pytest.raises(InputError, match=f"{width}×{height} pixels"):
                read_photo(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (10_000, 10_001, "megapixels accepted"),  # just above ours
        (13_000, 13_000, "megapixels accepted"),  # Pillow warns
        (50_000, 50_000, "megapixels accepted"),  # Pillow refuses
        (10_000, 10_000, "damaged"),  # accepted by its header, then found to hold no pixels
    ],
)
def test_size_is_judged_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, height: int, reason: str
) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    loads = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: loads.append(1) or fail())
    with pytest.raises(InputError, match=reason):
        read_photo(tmp_path / "bomb.png")
    assert len(loads) == (reason == "damaged")


def fail() -> None:
    raise OSError("not decoded in this test")


def test_webp_and_jpeg_bombs_by_their_headers(tmp_path: Path) -> None:
    extended = bytes([0, 0, 0, 0]) + struct.pack("<I", 16382)[:3] + struct.pack("<I", 16382)[:3]
    Image.new("RGB", (32, 32)).save(tmp_path / "a.webp", lossless=True)
    inner = (tmp_path / "a.webp").read_bytes()[12:]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + extended + inner
    (tmp_path / "a.webp").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(InputError):
        read_photo(tmp_path / "a.webp")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jpg")
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60000, 60000)
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(InputError, match="megapixels accepted"):
        read_photo(tmp_path / "a.jpg")


def test_tiffs_that_would_be_decoded_wrongly_are_refused(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    deep = scene().astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", deep.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    with pytest.raises(InputError, match="16-bit separate planes"):
        read_photo(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", scene(), photometric="rgb", subfiletype=1)
    with pytest.raises(InputError, match="thumbnail"):
        read_photo(tmp_path / "b.tif")
    version = [(50706, "B", 4, b"\x01\x04\x00\x00", True)]
    tifffile.imwrite(tmp_path / "c.dng", scene(), photometric="rgb", extratags=version)
    with pytest.raises(InputError, match="raw file"):
        read_photo(tmp_path / "c.dng")


def test_nothing_private_is_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x10F] = "SecretMaker"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    Image.fromarray(scene()).save(tmp_path / "a.jpg", exif=exif, comment=b"SecretPlace")
    photo = read_photo(tmp_path / "a.jpg")
    assert "Secret" not in repr(photo) and "51" not in repr(photo.notes)
    assert set(vars(photo)) == {"pixels", "path", "format", "mode", "had_alpha", "profile", "notes"}
    assert isinstance(photo, Photo)


def photo_in_data(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in shared/data: this real photo is not checked")
    return path


def test_real_photo_of_orientation_6_is_turned() -> None:
    path = photo_in_data("photos", "waterfall_exif6", "image.jpg")
    with Image.open(path) as stored:
        assert stored.getexif()[0x112] == 6
        raw = np.asarray(stored.convert("RGB"))
    photo = read_photo(path)
    assert photo.size == (raw.shape[1], raw.shape[0])
    assert photo.profile == "Generic RGB Profile"  # of gamma 1.8: the values move, the picture does not
    clockwise, counter = raw[::-1].transpose(1, 0, 2), raw.transpose(1, 0, 2)[::-1]
    assert np.corrcoef(photo.pixels.ravel(), clockwise.ravel())[0, 1] > 0.99
    assert np.corrcoef(photo.pixels.ravel(), counter.ravel())[0, 1] < 0.9


def test_every_real_photo_reads() -> None:
    folder = photo_in_data("photos")
    paths = sorted(folder.glob("*/image.*"))
    assert len(paths) >= 10
    for path in paths:
        photo = read_photo(path)
        assert photo.pixels.shape[2] == 3 and min(photo.size) >= 300
        assert photo.pixels.std() > 10, f"{path} looks empty"


def test_real_heic() -> None:
    path = photo_in_data("rgbd", "embedded_iphone_pug_heic", "image.heic")
    photo = read_photo(path)
    assert photo.format == "HEIF" and photo.pixels.std() > 10
    assert sorted(photo.size) == [3024, 4032]
