"""Stereo pictures: which eye sees what where, the colours of the glasses, and the half spheres of VR180."""

import base64
import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.files3d import Pinhole
from ldikit.runtime.files3d.stereo import anaglyph, eyes, write_anaglyph, write_side_by_side
from ldikit.runtime.files3d.vr180 import EYES, half_spheres, write_vr180, write_vr180_side_by_side
from PIL import Image

PANO = "{http://ns.google.com/photos/1.0/panorama/}"
ROW, COLUMN = 30, 60


def dot(disparity: float, height: int = 80, width: int = 100) -> LDI:
    """A plane across the view, grey with one white pixel."""
    color = np.full((1, 3, height, width), 0.25, np.float32)
    color[0, :, ROW, COLUMN] = 1
    plane = np.full((1, 1, height, width), disparity, np.float32)
    return LDI(color, plane, np.ones_like(plane))


def place(picture: np.ndarray) -> tuple[float, float]:
    """Row and column of the middle of what is brighter than the plane."""
    light = np.clip(picture[..., 1].astype(float) - 80, 0, None)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    return float((light * y).sum() / light.sum()), float((light * x).sum() / light.sum())


@pytest.mark.parametrize(("disparity", "apart"), [(0.9, 2.0), (0.5, 0.0), (0.1, -2.0)])
def test_near_things_lie_further_right_for_the_left_eye(disparity: float, apart: float) -> None:
    """Both eyes are half a unit off: ±0.5 · 5 pixels a unit of disparity from the screen's 0.5."""
    left, right = eyes(dot(disparity), 1.0, 0.5, 1.0, 0.05)
    assert place(left) == pytest.approx((ROW, COLUMN + apart / 2), abs=0.02)
    assert place(right) == pytest.approx((ROW, COLUMN - apart / 2), abs=0.02)


def test_side_by_side_is_left_then_right(tmp_path: Path) -> None:
    write_side_by_side(tmp_path / "a.jpg", dot(0.9))
    with Image.open(tmp_path / "a.jpg") as picture:
        pair = np.asarray(picture)
    assert pair.shape == (80, 200, 3)
    # Enlarged about the middle by 1 / (1 − 2 · 0.5 · 5 · 0.4 / 80), so that no border shows.
    middle, zoom = 49.5, 1 / (1 - 2 * 0.5 * 5 * 0.4 / 80)
    for half, sign in ((pair[:, :100], 1), (pair[:, 100:], -1)):
        assert place(half)[1] == pytest.approx(middle + zoom * (COLUMN + sign - middle), abs=0.3)
    with pytest.raises(InputError, match="separation"):
        write_side_by_side(tmp_path / "b.jpg", dot(0.9), separation=2.5)


def test_anaglyph_by_hand() -> None:
    """White stays white and black black; a red that only one eye sees, by Dubois' first columns."""
    picture = np.zeros((1, 3, 3), np.uint8)
    picture[0, 0] = 255
    same = anaglyph(picture, picture)
    assert same[0, 1].tolist() == [0, 0, 0]
    # Each row of the two matrices sums to 1.
    assert same[0, 0].tolist() == [255, 255, 255]
    red, black = np.array([[[255, 0, 0]]], np.uint8), np.zeros((1, 1, 3), np.uint8)
    # The code of linear 0.4561: 255 · (1.055 · 0.4561^(1/2.4) − 0.055) = 179.9; the others are negative.
    assert anaglyph(red, black).tolist() == [[[180, 0, 0]]]
    # 0.378476 for the right eye's red: 255 · (1.055 · 0.378476^(1/2.4) − 0.055) = 165.4.
    assert anaglyph(black, red).tolist() == [[[0, 165, 0]]]


def test_anaglyph_has_the_left_eye_in_red(tmp_path: Path) -> None:
    write_anaglyph(tmp_path / "a.jpg", dot(0.9))
    with Image.open(tmp_path / "a.jpg") as picture:
        mixed = np.asarray(picture).astype(int)
    grey = int(np.median(mixed[..., 0]))
    red = np.abs(mixed[ROW - 3 : ROW + 4, :, 0] - grey).max(axis=0)
    blue = np.abs(mixed[ROW - 3 : ROW + 4, :, 2] - grey).max(axis=0)
    assert red[COLUMN - 4 : COLUMN + 5].argmax() > blue[COLUMN - 4 : COLUMN + 5].argmax()


@pytest.mark.parametrize("pinhole", [Pinhole(), Pinhole(90, 0.7, 4)])
def test_half_spheres_show_a_point_where_the_eyes_see_it(pinhole: Pinhole) -> None:
    ldi = dot(0.6)
    left, right = half_spheres(ldi, pinhole, 0.1)
    side = len(left)
    assert left.shape == right.shape == (side, side, 3)
    assert side == int(np.pi * pinhole.focal_px(80, 100)) // 2 * 2
    x, y, z = pinhole.points(np.array([COLUMN + 0.5]), np.array([ROW + 0.5]), np.array([0.6]), (80, 100))[0]
    for view, eye in ((left, -EYES / 2), (right, EYES / 2)):
        longitude = np.arctan2(x - eye, -z)
        latitude = np.arctan2(-y, np.hypot(x - eye, z))
        expected = (np.array([latitude, longitude]) / np.pi + 0.5) * side - 0.5
        assert place(view) == pytest.approx(tuple(expected), abs=0.2)
    # Black outside of the photo: 60° or 90° across.
    assert not left[:, : side // 5].any() and not left[: side // 5].any()


def test_vr_photo_as_google_describes_it(tmp_path: Path) -> None:
    write_vr180(tmp_path / "a.vr.jpg", dot(0.6))
    expected = half_spheres(dot(0.6), Pinhole(), 0.05)
    data = (tmp_path / "a.vr.jpg").read_bytes()
    start = data.index(b"http://ns.adobe.com/xap/1.0/\0") + 29
    packet = data[start : data.index(b"<?xpacket end", start)].decode()
    values: dict[str, str] = {}
    for described in ElementTree.fromstring(packet).iter():
        values |= described.attrib
    side = len(expected[0])
    assert values[PANO + "ProjectionType"] == "equirectangular"
    assert int(values[PANO + "FullPanoWidthPixels"]) == 2 * side
    assert int(values[PANO + "FullPanoHeightPixels"]) == side
    assert int(values[PANO + "CroppedAreaLeftPixels"]) == side // 2
    assert int(values[PANO + "CroppedAreaImageWidthPixels"]) == side
    length = int.from_bytes(data[data.index(b"xmp/extension/\0") + 47 :][:4], "big")
    marker = data.index(b"http://ns.adobe.com/xmp/extension/\0")
    extension = data[marker + 75 : marker + 75 + length].decode()
    (described,) = list(ElementTree.fromstring(extension).iter())[2:]
    embedded = base64.b64decode(described.get("{http://ns.google.com/photos/1.0/image/}Data"))
    with Image.open(tmp_path / "a.vr.jpg") as left, Image.open(io.BytesIO(embedded)) as right:
        for made, known in zip((left, right), expected, strict=True):
            assert np.abs(np.asarray(made).astype(int) - known).mean() < 2


def test_half_spheres_side_by_side(tmp_path: Path) -> None:
    write_vr180_side_by_side(tmp_path / "a.jpg", dot(0.6))
    with Image.open(tmp_path / "a.jpg") as picture:
        pair = np.asarray(picture)
    side = pair.shape[0]
    assert pair.shape == (side, 2 * side, 3)
    assert place(pair[:, :side])[1] > place(pair[:, side:])[1]
