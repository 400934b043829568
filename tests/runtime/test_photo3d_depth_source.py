"""Which depth a 3D photo is made by: the photo's own, the user's, the network's; masks; nothing private."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference import pipeline
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.pocket import PocketDepth
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.ldi import LDI
from ldikit.reference.ldi_files import read_ldi
from ldikit.reference.photo.embedded import find_embedded_depth
from ldikit.runtime.files3d.dynamic_depth import write_dynamic_depth
from ldikit.runtime.files3d.gdepth import write_gdepth
from ldikit.runtime.files3d.pinhole import Pinhole
from ldikit.runtime.photo3d.choice import DepthChoice, choose_source
from ldikit.runtime.photo3d.outputs import Outputs
from ldikit.runtime.photo3d.photo import make_3d_photo
from PIL import Image

HEIGHT, WIDTH = 96, 128
PLACE = b"48 deg 51'"
WRITERS = {"gdepth": write_gdepth, "dynamic-depth": write_dynamic_depth}


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    """Networks without weights files: what is tested here is not what they learnt."""

    def depth(name, height, width):
        import torch

        torch.manual_seed(0)
        return PocketDepth(height, width).eval()

    monkeypatch.setattr(pipeline, "depth_network", depth)
    monkeypatch.setattr(pipeline, "inpaint_network", lambda name, h, w: PocketInpaint(h, w).eval())


def disc(height=HEIGHT, width=WIDTH):
    """A near disc left of the middle, in grey steps of 8 bits from 0 to 1."""
    y, x = np.mgrid[:height, :width]
    near = (y - height / 2) ** 2 + (x - width / 3) ** 2 < (height / 4) ** 2
    return np.where(near, 1, np.rint(x / width * 50) / 255).astype(np.float32)


def pixels():
    stripes = (np.mgrid[:HEIGHT, :WIDTH][1] // 6 % 2 * 80 + 60)[..., None] * np.array([0.5, 0.8, 1.0])
    return np.where((disc() == 1)[..., None], (220, 60, 30), stripes).astype(np.uint8)


@pytest.fixture
def plain(tmp_path):
    """A photo with a place in its EXIF, in XMP and in a comment, and no depth."""
    exif = Image.Exif()
    exif[0x010F] = "Maker of " + PLACE.decode()
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 0.0)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" place="%s"/>' % PLACE.replace(b"'", b"")
    path = tmp_path / "in" / "plain.jpg"
    path.parent.mkdir()
    Image.fromarray(pixels()).save(path, quality=98, exif=exif, xmp=xmp, comment=b"private " + PLACE)
    return path


@pytest.fixture
def carrying(plain):
    """That photo with its depth in GDepth, place and all."""
    ldi = LDI(
        (pixels().transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32),
        disc()[None, None],
        np.ones((1, 1, HEIGHT, WIDTH), np.float32),
    )
    path = plain.with_name("carrying.jpg")
    write_gdepth(path, ldi, photo=plain, keep_metadata=True)
    assert PLACE in path.read_bytes()
    return path


def chosen(path, photo=None, **options):
    config = options.pop("config", None)
    return choose_source(path, pixels(), DepthChoice(**options), None, None, None, config, None)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_what_is_written_is_found_again(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels()).save(tmp_path / "photo.jpg", exif=exif)
    size = (WIDTH, HEIGHT) if orientation == 6 else (HEIGHT, WIDTH)
    disparity = disc(*size)[None, None]
    ldi = LDI(np.zeros((1, 3, *size), np.float32), disparity, np.ones_like(disparity))
    pinhole = Pinhole()
    WRITERS[kind](tmp_path / "out.jpg", ldi, photo=tmp_path / "photo.jpg", pinhole=pinhole)
    found = find_embedded_depth(tmp_path / "out.jpg")
    assert (found.source, found.units) == (kind, "m")
    assert (found.near, found.far) == pytest.approx((pinhole.near, pinhole.far), rel=1e-5)
    assert np.abs(found.disparity - disparity[0, 0]).max() < 1e-6


def test_the_photos_own_depth_is_used(carrying):
    source = chosen(carrying)
    assert source.made_by == "the depth in the photo (gdepth) and the float reference"
    assert source.warnings == ()
    assert np.abs(source.disparity - disc()).max() < 1e-6
    assert np.abs(source.ldi.disparity[0, 0] - disc()).max() < 1e-6


def test_unless_it_is_to_be_ignored_or_another_depth_was_asked_for(carrying, plain, tmp_path):
    network = chosen(plain)
    assert "float reference (pocket)" in network.made_by
    ignoring = chosen(carrying, ignore_embedded=True)
    other = chosen(carrying, config=PipelineConfig(depth="another"))
    for source in (ignoring, other):
        assert "in the photo" not in source.made_by
        assert np.array_equal(source.disparity, network.disparity)
    np.save(tmp_path / "d.npy", 1 - disc())
    own = chosen(carrying, depth_map=tmp_path / "d.npy")
    assert own.made_by.startswith("your depth map d.npy")
    assert np.abs(own.disparity - (1 - disc())).max() < 1e-6


def test_damaged_depth_is_a_warning_and_the_network_goes_on(carrying, plain):
    carrying.write_bytes(carrying.read_bytes().replace(b"RangeInverse", b"RangeXnverse"))
    source = chosen(carrying)
    assert np.array_equal(source.disparity, chosen(plain).disparity)
    assert len(source.warnings) == 1 and "unknown encoding 'RangeXnverse'" in source.warnings[0]


def test_a_map_larger_than_the_photo_or_the_same_everywhere_is_a_warning(plain, tmp_path):
    np.save(tmp_path / "d.npy", disc().repeat(2, 0).repeat(2, 1))
    source = chosen(plain, depth_map=tmp_path / "d.npy")
    assert len(source.warnings) == 1
    assert "larger than the photo (256×192 pixels, not 128×96)" in source.warnings[0]
    assert np.abs(source.disparity - disc()).max() < 1e-6
    np.save(tmp_path / "d.npy", np.ones((HEIGHT, WIDTH)))
    assert "same everywhere" in chosen(plain, depth_map=tmp_path / "d.npy").warnings[0]


def test_the_kind_of_a_map(plain, tmp_path):
    np.save(tmp_path / "d.npy", 1 - disc())
    inverted = chosen(plain, depth_map=tmp_path / "d.npy", kind="inverted")
    assert np.abs(inverted.disparity - disc()).max() < 1e-6
    np.save(tmp_path / "d.npy", 1 / (disc() + 0.1))
    depth = chosen(plain, depth_map=tmp_path / "d.npy", kind="depth")
    assert np.abs(depth.disparity - disc()).max() < 1e-5


def save_mask(path, top=30, bottom=66, left=25, right=60):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 255
    Image.fromarray(mask).save(path)
    return path, mask > 0


@pytest.mark.parametrize("how", ["map", "network"])
def test_no_layer_tears_inside_a_mask(plain, tmp_path, how):
    """A depth that is torn all over the mask gives a hidden layer there; with the mask it does not."""
    path, mask = save_mask(tmp_path / "mask.png")
    options = {}
    if how == "map":
        torn = np.where(mask & (np.mgrid[:HEIGHT, :WIDTH][1] // 9 % 2 == 0), np.float32(0), disc())
        np.save(tmp_path / "d.npy", torn)
        options["depth_map"] = tmp_path / "d.npy"
    inner = np.zeros_like(mask)
    inner[42:54, 37:48] = True
    source = chosen(plain, mask=path, **options)
    plane = source.ldi.disparity[0, 0]
    share = plane.shape[0] / HEIGHT, plane.shape[1] / WIDTH
    inner = np.asarray(Image.fromarray(inner).resize(plane.shape[::-1], Image.Resampling.NEAREST))
    assert "your mask" in source.made_by
    steep = max(np.abs(np.diff(plane, axis=axis))[inner[1:, 1:].nonzero()].max() for axis in (0, 1))
    assert steep <= 0.5 / (0.05 * max(plane.shape)) and min(share) > 0
    if how == "map":
        assert chosen(plain, **options).ldi.occupancy[1, 0][inner].max() == 1
        assert source.ldi.occupancy[1, 0][inner].max() == 0
        assert np.array_equal(plane[~mask], torn[~mask]) and np.array_equal(source.detail, plane)
        assert np.array_equal(source.disparity, torn)  # as it was given
    else:
        assert np.array_equal(source.disparity, chosen(plain).disparity)
        assert not np.array_equal(plane, source.disparity)


def test_choices_that_exclude_each_other(plain, tmp_path):
    path, _ = save_mask(tmp_path / "mask.png")
    for options, match in (
        ({"depth_map_kind": "inverted"}, "give --depth-map too"),
        ({"bundle": tmp_path, "mask": path}, "a mask is used by the float reference"),
        ({"bundle": tmp_path, "depth_map": path}, "a depth map is used by the float reference"),
    ):
        with pytest.raises(InputError, match=match):
            make_3d_photo(plain, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_original_stays_and_nothing_private_is_written(carrying, tmp_path):
    before = hashlib.sha256(carrying.read_bytes()).digest()
    made = make_3d_photo(carrying, tmp_path / "out", outputs=Outputs(videos=(), files=("gdepth",)))
    assert "the depth in the photo (gdepth)" in made.made_by
    assert json.loads((tmp_path / "out" / "photo.json").read_text())["made_by"] == made.made_by
    assert hashlib.sha256(carrying.read_bytes()).digest() == before
    assert any(name.endswith("_gdepth.jpg") for name in made.files)
    for name in made.files:
        data = (tmp_path / "out" / name).read_bytes()
        assert PLACE not in data and b"Maker of" not in data
    assert np.abs(read_ldi(tmp_path / "out" / "ldi").disparity[0, 0] - disc()).max() < 1e-4


DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data here")
@pytest.mark.parametrize("name", ["embedded_iphone_cup/image.jpg", "embedded_iphone_pug_heic/image.heic"])
def test_a_portrait_of_a_phone(name, tmp_path):
    photo = DATA / "rgbd" / name
    with Image.open(photo) as stored:
        gps = stored.getexif().get_ifd(0x8825)
        maker = stored.getexif()[0x010F].encode()
    assert gps
    before = hashlib.sha256(photo.read_bytes()).digest()
    with Image.open(photo) as stored:
        small = np.asarray(stored.convert("RGB").resize((stored.width // 16, stored.height // 16)))
    source = choose_source(photo, small, DepthChoice(), None, None, None, None, None)
    assert source.made_by.startswith("the depth in the photo (apple-")
    source.ldi.check()
    assert source.disparity.min() < 0.02 and source.disparity.max() > 0.9
    assert hashlib.sha256(photo.read_bytes()).digest() == before
    assert maker == b"Apple"
