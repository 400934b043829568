"""Colour spaces, bit depths and transparency, against values computed apart from the decoder."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.photo.decode import read_photo
from PIL import Image

SIZE = (40, 32)  # width, height

# Display P3 primaries (SMPTE EG 432-1) adapted to D50, as Apple's profile states them; rows X, Y, Z.
P3_TO_XYZ = np.array(
    [[0.515121, 0.291977, 0.157104], [0.241196, 0.692245, 0.066574], [-0.001053, 0.041885, 0.784073]]
)
# XYZ (D50) to linear sRGB, Bradford-adapted (Lindbloom).
XYZ_TO_SRGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)
D50 = np.array([0.9642, 1.0, 0.8249])


def srgb_from_xyz(xyz: np.ndarray) -> np.ndarray:
    linear = np.clip(XYZ_TO_SRGB @ xyz, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc(space: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC version 2 profile of these tags (ICC.1:2001-04)."""
    name = b"made by a test\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)
    tags = {b"desc": described, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": xyz_tag(*D50)} | tags
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = bytearray(128)
    header[0:4] = struct.pack(">I", start + len(body))
    header[8:12] = b"\x02\x10\0\0"
    header[12:24] = kind + space + connection
    header[24:36] = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
    header[36:40] = b"acsp"
    header[68:80] = fixed(*D50)
    return bytes(header) + table + body


def xyz_tag(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + fixed(x, y, z)


def gamma_tag(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def p3_profile() -> bytes:
    tags = {}
    for index, channel in enumerate((b"r", b"g", b"b")):
        tags[channel + b"XYZ"] = xyz_tag(*P3_TO_XYZ[:, index])
        tags[channel + b"TRC"] = gamma_tag(2.2)
    return icc(b"RGB ", b"mntr", b"XYZ ", tags)


def ink_lab(c: int, m: int, y: int, k: int) -> tuple[float, float, float]:
    """An invented press: Lab of each full ink or mixture, so that no formula of RGB could hit it."""
    if k or (c and m and y):
        return (0.0, 0.0, 0.0)
    return (100 - 30 * c - 40 * m - 10 * y, -30.0 * c + 50 * m, -20.0 * c + 60 * y)


def cmyk_profile() -> bytes:
    ramp = bytes(range(256))
    grid = b""
    for corner in range(16):  # the first ink varies slowest
        lightness, a, b = ink_lab(*(corner >> shift & 1 for shift in (3, 2, 1, 0)))
        grid += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    identity = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + grid + ramp * 3
    return icc(b"CMYK", b"prtr", b"Lab ", {b"A2B0": table})


def lab_to_srgb(lightness: float, a: float, b: float) -> np.ndarray:
    fy = (lightness + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    return srgb_from_xyz(D50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)))


def flat(mode: str, color: object) -> Image.Image:
    return Image.new(mode, SIZE, color)  # type: ignore[arg-type]


def one_color(path: Path) -> np.ndarray:
    pixels = read_photo(path).pixels
    assert pixels.shape == (SIZE[1], SIZE[0], 3)
    assert (pixels == pixels[0, 0]).all()
    return pixels[0, 0].astype(int)


@pytest.mark.parametrize(
    "color", [(250, 40, 30), (20, 200, 60), (128, 128, 128), (255, 255, 255), (90, 60, 140)]
)
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_display_p3_becomes_srgb(tmp_path: Path, color: tuple[int, int, int], suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    flat("RGB", color).save(path, icc_profile=p3_profile(), **options)
    expected = srgb_from_xyz(P3_TO_XYZ @ (np.array(color) / 255) ** 2.2)
    assert np.abs(one_color(path) - expected).max() <= (4 if suffix == "jpg" else 2)
    assert read_photo(path).profile == "made by a test"
    if color[0] == 250:
        assert np.abs(expected - color).max() > 4  # the conversion is not nothing


def test_srgb_profile_leaves_pixels_exact(tmp_path: Path) -> None:
    from PIL import ImageCms

    pixels = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=srgb)
    photo = read_photo(tmp_path / "a.png")
    assert np.array_equal(photo.pixels, pixels)
    assert photo.profile is not None and "sRGB" in photo.profile


def test_profile_with_grey_palette_and_alpha(tmp_path: Path) -> None:
    linear = icc(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": gamma_tag(1.0)})
    flat("L", 55).save(tmp_path / "grey.png", icc_profile=linear)
    expected = srgb_from_xyz(D50 * 55 / 255)
    assert np.abs(one_color(tmp_path / "grey.png") - expected).max() <= 2
    color = (250, 40, 30)
    expected = srgb_from_xyz(P3_TO_XYZ @ (np.array(color) / 255) ** 2.2)
    flat("RGB", color).quantize(2).save(tmp_path / "palette.png", icc_profile=p3_profile())
    assert np.abs(one_color(tmp_path / "palette.png") - expected).max() <= 2
    flat("RGBA", (*color, 51)).save(tmp_path / "alpha.png", icc_profile=p3_profile())
    assert np.abs(one_color(tmp_path / "alpha.png") - (0.2 * expected + 0.8 * 255)).max() <= 2


def test_unusable_profiles_are_noted_and_left_out(tmp_path: Path) -> None:
    flat("RGB", (10, 20, 30)).save(tmp_path / "a.png", icc_profile=b"no profile at all")
    photo = read_photo(tmp_path / "a.png")
    assert (photo.pixels == (10, 20, 30)).all() and photo.profile is None
    assert len(photo.notes) == 1 and "cannot be used" in photo.notes[0]
    flat("RGB", (10, 20, 30)).save(tmp_path / "b.png", icc_profile=cmyk_profile())
    photo = read_photo(tmp_path / "b.png")
    assert (photo.pixels == (10, 20, 30)).all()
    assert "is for CMYK, the photo is RGB" in photo.notes[0]


@pytest.mark.parametrize(
    "inks", [(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 0), (0, 0, 0, 255)]
)
@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_cmyk_by_its_profile(tmp_path: Path, inks: tuple[int, int, int, int], suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    flat("CMYK", inks).save(path, icc_profile=cmyk_profile(), **({"quality": 100} if suffix == "jpg" else {}))
    expected = lab_to_srgb(*ink_lab(*(ink // 255 for ink in inks)))
    assert np.abs(one_color(path) - expected).max() <= 4
    assert read_photo(path).mode == "CMYK"


@pytest.mark.parametrize("suffix", ["tif", "jpg"])
def test_cmyk_without_a_profile(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    flat("CMYK", (200, 100, 0, 40)).save(path)
    # 255 − ink, times 255 − black: (55, 155, 255) × 215 / 255
    assert np.abs(one_color(path) - (46, 131, 215)).max() <= 3


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (65535, 255), (257 * 77, 77), (32896, 128), (300, 1)]
)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(
    tmp_path: Path, value: int, expected: int, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.full((32, 40), value, np.uint16)).save(path)
    assert (one_color(path) == expected).all()
    assert read_photo(path).mode == "I;16"


def test_sixteen_bit_tiff_variants(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    grey = np.full((32, 40), 257 * 50, np.uint16)
    tifffile.imwrite(tmp_path / "big.tif", grey, byteorder=">")
    assert (one_color(tmp_path / "big.tif") == 50).all()
    tifffile.imwrite(tmp_path / "inverted.tif", grey, photometric="miniswhite")
    assert (one_color(tmp_path / "inverted.tif") == 205).all()
    tifffile.imwrite(tmp_path / "inverted8.tif", (grey // 257).astype(np.uint8), photometric="miniswhite")
    assert (one_color(tmp_path / "inverted8.tif") == 205).all()
    color = np.empty((32, 40, 3), np.uint16)
    color[:] = (257 * 20, 257 * 120, 65535)
    tifffile.imwrite(tmp_path / "color.tif", color, photometric="rgb")
    assert np.abs(one_color(tmp_path / "color.tif") - (20, 120, 255)).max() <= 1


def sixteen_bit_png(path: Path, color: tuple[int, ...], kind: int, key: bytes = b"") -> None:
    """Write a flat PNG of 16 bits by the specification; Pillow writes none in colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    row = b"\0" + struct.pack(f">{len(color)}H", *color) * SIZE[0]
    header = struct.pack(">IIBBBBB", *SIZE, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + (chunk(b"tRNS", key) if key else b"")
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", zlib.compress(row * SIZE[1])) + chunk(b"IEND", b"")
    )


def test_sixteen_bit_color_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    sixteen_bit_png(path, (257 * 20, 257 * 120, 65535), 2)
    assert np.abs(one_color(path) - (20, 120, 255)).max() <= 1
    sixteen_bit_png(path, (0, 0, 0, 257 * 51), 6)  # a fifth of black over white
    assert np.abs(one_color(path) - 204).max() <= 1
    sixteen_bit_png(path, (257 * 100, 65535), 4)
    assert np.abs(one_color(path) - 100).max() <= 1
    sixteen_bit_png(path, (4000,), 0, struct.pack(">H", 4000))
    assert (one_color(path) == 255).all() and read_photo(path).had_alpha
    sixteen_bit_png(path, (4000, 4000, 4000), 2, struct.pack(">HHH", 1, 60000, 3))
    assert np.abs(one_color(path) - 15).max() <= 1


@pytest.mark.parametrize(("value", "expected"), [(0.5, 128), (1.0, 255), (51.0, 51), (257.0 * 90, 90)])
def test_float_tiff(tmp_path: Path, value: float, expected: int) -> None:
    Image.fromarray(np.full((32, 40), value, np.float32)).save(tmp_path / "a.tif")
    assert np.abs(one_color(tmp_path / "a.tif") - expected).max() == 0


def test_float_tiff_refusals(tmp_path: Path) -> None:
    for bad, reason in [(np.nan, "1 values that are not finite"), (-1.0, "run from -1"), (1e6, "to 1e\\+06")]:
        values = np.full((32, 40), 0.5, np.float32)
        values[3, 4] = bad
        Image.fromarray(values).save(tmp_path / "a.tif")
        with pytest.raises(InputError, match=reason) as caught:
            read_photo(tmp_path / "a.tif")
        assert "a.tif" in str(caught.value)


def test_integer_tiff(tmp_path: Path) -> None:
    Image.fromarray(np.full((32, 40), 257 * 33, np.int32)).save(tmp_path / "a.tif")
    assert (one_color(tmp_path / "a.tif") == 33).all()


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("L", 70, "png", (70, 70, 70)),
        ("L", 70, "jpg", (70, 70, 70)),
        ("1", 1, "png", (255, 255, 255)),
        ("1", 0, "tif", (0, 0, 0)),
        ("LA", (0, 51), "png", (204, 204, 204)),
        ("RGBA", (255, 0, 0, 0), "png", (255, 255, 255)),
        ("RGBA", (250, 100, 0, 102), "tif", (253, 193, 153)),
        ("RGBA", (10, 20, 30, 255), "png", (10, 20, 30)),
    ],
)
def test_modes(tmp_path: Path, mode: str, color: object, suffix: str, expected: tuple[int, int, int]) -> None:
    path = tmp_path / f"a.{suffix}"
    flat(mode, color).save(path)
    assert np.abs(one_color(path) - expected).max() <= 1
    photo = read_photo(path)
    assert photo.mode == mode
    see_through = "A" in mode and color[-1] != 255  # type: ignore[index]
    assert photo.had_alpha == see_through
    assert photo.notes == (("transparent pixels were laid over white",) if see_through else ())


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", SIZE, 0)
    image.putpalette([200, 10, 20, 0, 0, 255])
    image.paste(1, (0, 0, 20, 32))
    image.save(tmp_path / "plain.png")
    pixels = read_photo(tmp_path / "plain.png").pixels
    assert (pixels[:, :20] == (0, 0, 255)).all() and (pixels[:, 20:] == (200, 10, 20)).all()
    image.save(tmp_path / "key.png", transparency=1)
    pixels = read_photo(tmp_path / "key.png").pixels
    assert (pixels[:, :20] == 255).all() and (pixels[:, 20:] == (200, 10, 20)).all()
    image.save(tmp_path / "key.gif", transparency=1)
    assert (read_photo(tmp_path / "key.gif").pixels[:, :20] == 255).all()
    image.save(tmp_path / "soft.png", transparency=bytes([255, 51]))
    photo = read_photo(tmp_path / "soft.png")
    assert photo.mode == "P" and photo.had_alpha
    assert np.abs(photo.pixels[0, 0].astype(int) - (204, 204, 255)).max() <= 1
    flat("RGB", (9, 8, 7)).save(tmp_path / "rgb.png", transparency=(9, 8, 7))
    assert (one_color(tmp_path / "rgb.png") == 255).all()
