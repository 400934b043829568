"""Photos of real phones with depth inside, and photos without."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference.photo.decode import read_photo
from ldikit.reference.photo.embedded import search_embedded_depth

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
SOURCES = {
    "embedded_gdepth_flower": "gdepth",
    "embedded_iphone_cup": "apple-jpeg",
    "embedded_iphone_vase": "apple-jpeg",
    "embedded_iphone_pug_heic": "apple-heic",
}
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real photos here ({DATA.name})")


@needs_data
@pytest.mark.parametrize("name", SOURCES)
def test_expected_depth_is_found(name):
    folder = DATA / "rgbd" / name
    meta = json.loads((folder / "meta.json").read_text())
    before = hashlib.sha256((folder / meta["file"]).read_bytes()).digest()
    found = search_embedded_depth(folder / meta["file"])
    depth, stated = found.depth, meta["expected"]
    assert found.notes == () and depth.source == SOURCES[name]
    width, height = stated["grey_u8"]["size"]
    assert depth.disparity.shape == (height, width)
    grey = np.load(folder / "expected_depth.npz")["grey_u8"] / 255
    assert np.abs(depth.disparity - (1 - grey if depth.source == "gdepth" else grey)).max() < 1e-6
    if "near" in stated:
        assert (depth.near, depth.far) == (stated["near"], stated["far"])
    else:
        assert (1 / depth.near, 1 / depth.far) == pytest.approx((stated["float_max"], stated["float_min"]))
    assert hashlib.sha256((folder / meta["file"]).read_bytes()).digest() == before


@needs_data
def test_the_map_is_as_upright_as_the_photo():
    photo = read_photo(DATA / "rgbd" / "embedded_iphone_pug_heic" / "image.heic")
    found = search_embedded_depth(DATA / "rgbd" / "embedded_iphone_pug_heic" / "image.heic")
    height, width = found.depth.disparity.shape
    assert width / height == pytest.approx(photo.size[1] / photo.size[0], rel=0.02)


@needs_data
def test_photos_without_depth_have_none():
    names = ["rgbd/embedded_heic_NODEPTH/image.HEIC", "rgbd/lensblur_mango/image.jpg"]
    exif = sorted((DATA / "photos").glob("*exif6*/*.jp*g"))
    for path in [DATA / name for name in names] + exif:
        found = search_embedded_depth(path)
        assert found.depth is None and found.notes == ()


@needs_data
def test_a_heic_called_jpg_and_cut(tmp_path):
    data = (DATA / "rgbd" / "embedded_iphone_pug_heic" / "image.heic").read_bytes()
    (tmp_path / "photo.jpg").write_bytes(data)
    assert search_embedded_depth(tmp_path / "photo.jpg").depth.source == "apple-heic"
    (tmp_path / "cut.heic").write_bytes(data[:30000])
    found = search_embedded_depth(tmp_path / "cut.heic")
    assert found.depth is None and "HEIC" in found.notes[0]
