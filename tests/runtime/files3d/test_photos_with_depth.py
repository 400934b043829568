"""Depth with a photo: the JPEG's pixels untouched, nothing private in it, depth where each format has it."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.files3d import Pinhole
from ldikit.runtime.files3d.depth_pair import write_depth_pair
from ldikit.runtime.files3d.dynamic_depth import write_dynamic_depth
from ldikit.runtime.files3d.gdepth import write_gdepth
from PIL import Image, ImageCms, ImageOps

STANDARD = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
GDEPTH = "{http://ns.google.com/photos/1.0/depthmap/}"
PLACE = b"48 deg 51'"


def app1(data: bytes) -> list[bytes]:
    """Payloads of the APP1 segments, by a second, plain parser."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = data[at + 2] << 8 | data[at + 3]
        if data[at + 1] == 0xE1:
            found.append(data[at + 4 : at + 2 + length])
        at += 2 + length
    return found


def scans(data: bytes) -> bytes:
    """From the first start of scan on; the photos here have no such bytes before it."""
    return data[data.index(b"\xff\xda") :]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo with a place in its EXIF, a comment, and a colour profile; a film hangs behind it."""
    return save_photo(tmp_path / "in" / "photo.jpg")


def save_photo(path: Path, **options: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    random = np.random.default_rng(3)
    blocks = random.integers(0, 256, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    exif = Image.Exif()
    exif[0x010F] = "Maker of " + PLACE.decode()
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 0.0)
    if "orientation" in options:
        exif[0x0112] = options.pop("orientation")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(blocks).save(
        path, "JPEG", exif=exif, comment=b"private " + PLACE, icc_profile=profile, quality=90, **options
    )
    path.write_bytes(path.read_bytes() + b"\0film" + PLACE)
    return path


WRITERS = {"gdepth": write_gdepth, "dynamic": write_dynamic_depth, "pair": write_depth_pair}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("progressive", [False, True])
def test_pixels_stay_and_what_is_private_goes(
    scene: LDI, tmp_path: Path, writer: object, progressive: bool
) -> None:
    photo = save_photo(tmp_path / "in" / "photo.jpg", progressive=progressive)
    writer(tmp_path / "out.jpg", scene, photo=photo)
    data = (tmp_path / "out.jpg").read_bytes()
    before = scans(photo.read_bytes())
    before = before[: before.index(b"\0film")]
    assert scans(data)[: len(before)] == before
    with Image.open(photo) as given, Image.open(tmp_path / "out.jpg") as made:
        np.testing.assert_array_equal(np.asarray(made), np.asarray(given))
        assert made.info["icc_profile"] == given.info["icc_profile"]
        assert dict(made.getexif()) == {} and "comment" not in made.info
    assert PLACE not in data


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_metadata_is_kept_when_asked_for(scene: LDI, photo: Path, tmp_path: Path, writer: object) -> None:
    writer(tmp_path / "out.jpg", scene, photo=photo, keep_metadata=True)
    with Image.open(tmp_path / "out.jpg") as made:
        assert made.getexif().get_ifd(0x8825)[2] == (48.0, 51.0, 0.0)
        assert made.info["comment"].startswith(b"private")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_photo_and_its_depth_are_turned_alike(scene: LDI, tmp_path: Path, orientation: int) -> None:
    """The depth is stored as the photo is: undone by a reader that goes by EXIF, it is the LDI's again."""
    upright = (72, 96) if orientation < 5 else (128, 96)
    plane = np.linspace(0, 1, upright[0] * upright[1], dtype=np.float32).reshape(upright)
    ldi = LDI(
        np.zeros((1, 3, *upright), np.float32), plane[None, None], np.ones((1, 1, *upright), np.float32)
    )
    photo = save_photo(tmp_path / "in" / "photo.jpg", orientation=orientation)
    write_depth_pair(tmp_path / "a.jpg", ldi, photo=photo)
    with Image.open(tmp_path / "a.jpg") as made, Image.open(tmp_path / "a_depth.jpg") as depth:
        assert dict(made.getexif()) == dict(depth.getexif()) == {0x0112: orientation}
        assert made.size == depth.size == (128, 96)
        turned = ImageOps.exif_transpose(depth)
    expected = Image.fromarray(plane).resize(turned.size, Image.Resampling.BILINEAR)
    assert np.abs(np.asarray(turned, np.float64) - np.asarray(expected) * 255).max() < 6  # of JPEG
    write_gdepth(tmp_path / "b.jpg", ldi, photo=photo)
    exif, packet = app1((tmp_path / "b.jpg").read_bytes())
    assert exif.startswith(b"Exif\0\0")
    stored = {
        2: plane[:, ::-1],
        3: plane[::-1, ::-1],
        4: plane[::-1],
        5: plane.T,
        6: np.rot90(plane, 1),
        7: plane[::-1, ::-1].T,
        8: np.rot90(plane, -1),
    }[orientation]
    assert np.abs(depth_of(packet) / 255 - (1 - stored)).max() <= 0.5 / 255 + 1e-6


def depth_of(packet: bytes) -> np.ndarray:
    """The depth image of an XMP packet."""
    text = packet.removeprefix(STANDARD).decode()
    (described,) = ElementTree.fromstring(text).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    with Image.open(io.BytesIO(base64.b64decode(described.get(f"{GDEPTH}Data")))) as picture:
        assert picture.mode == "L"
        return np.asarray(picture)


def test_gdepth_in_one_packet(scene: LDI, tmp_path: Path) -> None:
    write_gdepth(tmp_path / "a.jpg", scene, pinhole=Pinhole(60, 0.5, 8))
    (packet,) = app1((tmp_path / "a.jpg").read_bytes())
    stored = depth_of(packet)
    (described,) = ElementTree.fromstring(packet[len(STANDARD) :].decode()).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    near, far = float(described.get(f"{GDEPTH}Near")), float(described.get(f"{GDEPTH}Far"))
    assert (near, far, described.get(f"{GDEPTH}Format")) == (0.5, 8, "RangeInverse")
    # By the specification's formula the distance is far·near / (far − d·(far − near)).
    distance = far * near / (far - stored / 255 * (far - near))
    expected = Pinhole(60, 0.5, 8).depth(scene.disparity[0, 0])
    np.testing.assert_allclose(1 / distance, 1 / expected, atol=0.51 / 255 * (1 / near - 1 / far))
    assert (stored[20, 30], stored[0, 0]) == (51, 204)


def test_gdepth_above_64_kilobytes_is_extended(tmp_path: Path) -> None:
    """Parts in order, joined by length, offset and MD5 as Adobe's specification says."""
    random = np.random.default_rng(0).random((1, 1, 400, 500), np.float32)
    ldi = LDI(np.zeros((1, 3, 400, 500), np.float32), random, np.ones_like(random))
    write_gdepth(tmp_path / "a.jpg", ldi)
    packet, *parts = app1((tmp_path / "a.jpg").read_bytes())
    assert len(parts) > 3 and all(part.startswith(EXTENDED) for part in parts)
    whole = b""
    for part in parts:
        name, place = part[35:67], part[67:75]
        assert int.from_bytes(place[4:], "big") == len(whole)
        whole += part[75:]
    assert int.from_bytes(place[:4], "big") == len(whole)
    assert hashlib.md5(whole).hexdigest().upper().encode() == name
    assert b'HasExtendedXMP="' + name in packet and b"GDepth:Data" not in packet
    np.testing.assert_array_equal(depth_of(whole), 255 - np.rint(random[0, 0] * 255))
    with Image.open(tmp_path / "a.jpg") as made:
        assert made.size == (500, 400)


def test_dynamic_depth_by_hand(scene: LDI, photo: Path, tmp_path: Path) -> None:
    write_dynamic_depth(tmp_path / "a.jpg", scene, photo=photo, pinhole=Pinhole(60, 0.5, 8))
    data = (tmp_path / "a.jpg").read_bytes()
    (packet,) = app1(data)
    root = ElementTree.fromstring(packet[len(STANDARD) :].decode())
    space = "{http://ns.google.com/photos/dd/1.0/"
    items = [item.attrib for item in root.iter(space + "container/}Item")]
    assert items[0][space + "item/}DataURI"] == "primary_image"
    length = int(items[1][space + "item/}Length"])
    with Image.open(io.BytesIO(data[-length:])) as depth:
        assert (depth.format, depth.mode) == ("PNG", "L")
        np.testing.assert_array_equal(np.asarray(depth), 255 - np.rint(scene.disparity[0, 0] * 255))
    assert data[: len(data) - length].endswith(b"\xff\xd9")
    (depth_map,) = root.iter(space + "camera/}DepthMap")
    assert depth_map.get(space + "depthmap/}DepthURI") == items[1][space + "item/}DataURI"]
    assert depth_map.get(space + "depthmap/}Far") == "8"


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="no exiftool here")
def test_exiftool_reads_what_was_written(scene: LDI, photo: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0).random((1, 1, 300, 400), np.float32)
    large = LDI(np.zeros((1, 3, 300, 400), np.float32), random, np.ones_like(random))
    write_gdepth(tmp_path / "a.jpg", large, photo=photo)
    write_dynamic_depth(tmp_path / "b.jpg", scene, photo=photo)

    def exiftool(*options: str) -> bytes:
        return subprocess.run(["exiftool", *options], capture_output=True, check=True, cwd=tmp_path).stdout

    first, second = json.loads(
        exiftool("-json", "-struct", "-validate", "-all", "-G1", "-a", "a.jpg", "b.jpg")
    )
    assert first["ExifTool:Validate"] == second["ExifTool:Validate"] == "OK"
    assert (first["XMP-GDepth:Near"], first["XMP-GDepth:Far"]) == (1, 10)
    with Image.open(io.BytesIO(exiftool("-b", "-XMP-GDepth:DepthImage", "a.jpg"))) as depth:
        np.testing.assert_array_equal(np.asarray(depth), 255 - np.rint(random[0, 0] * 255))
    directory = [entry["Item"] for entry in second["XMP-Device:Container"]["Directory"]]
    assert [item["DataURI"] for item in directory] == ["primary_image", "android/depthmap"]
    (camera,) = second["XMP-Device:Cameras"]
    assert camera["Camera"]["DepthMap"]["Format"] == "RangeInverse"
    assert not any("GPS" in key for key in (*first, *second))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_pair_is_of_one_size_and_near_is_white(scene: LDI, tmp_path: Path, suffix: str) -> None:
    write_depth_pair(tmp_path / f"a{suffix}", scene)
    with Image.open(tmp_path / f"a{suffix}") as made, Image.open(tmp_path / f"a_depth{suffix}") as depth:
        assert made.size == depth.size == (64, 48)
        assert depth.mode == "L" and not depth.getexif()
        assert abs(depth.getpixel((35, 26)) - 204) <= 1 and abs(depth.getpixel((5, 5)) - 51) <= 1
        if suffix == ".png":
            np.testing.assert_array_equal(np.asarray(made), np.rint(scene.color[0] * 255).transpose(1, 2, 0))


def test_a_photo_that_is_no_jpeg_becomes_one(scene: LDI, photo: Path, tmp_path: Path) -> None:
    with Image.open(photo) as given:
        given.convert("RGB").save(tmp_path / "in" / "photo.png")
        expected = np.asarray(given, np.float64)
    write_depth_pair(tmp_path / "a.jpg", scene, photo=tmp_path / "in" / "photo.png")
    with Image.open(tmp_path / "a.jpg") as made:
        assert np.abs(np.asarray(made) - expected).mean() < 3


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_bad_photos_leave_nothing(scene: LDI, photo: Path, tmp_path: Path, writer: object) -> None:
    narrow = tmp_path / "in" / "narrow.jpg"
    Image.new("RGB", (64, 96)).save(narrow)
    cut = tmp_path / "in" / "cut.jpg"
    cut.write_bytes(photo.read_bytes()[:1500])
    for bad, words in ((narrow, "another shape"), (cut, "damaged"), (tmp_path / "none.jpg", "no such photo")):
        with pytest.raises(InputError, match=words):
            writer(tmp_path / "a.jpg", scene, photo=bad)
    bad_ldi = LDI(scene.color, scene.disparity * np.float32(np.nan), scene.occupancy)
    with pytest.raises(InputError, match="not finite"):
        writer(tmp_path / "a.jpg", bad_ldi, photo=photo)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_a_pair_is_jpeg_or_png(scene: LDI, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not '\.webp'"):
        write_depth_pair(tmp_path / "a.webp", scene)
