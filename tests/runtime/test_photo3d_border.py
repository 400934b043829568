"""A border around the photo: its pixels stay, nothing out there comes nearer, views past the frame hold."""

import numpy as np
import pytest
from ldikit.reference import networks
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.ldi_files import read_ldi
from ldikit.reference.render import Camera, render
from ldikit.runtime.photo3d.border import with_border
from ldikit.runtime.photo3d.photo import make_3d_photo
from ldikit.runtime.photo3d.source import from_depth_map, layered_by
from ldikit.runtime.photo3d.video import REACH, border_zoom
from PIL import Image

HEIGHT, WIDTH = 90, 120
CONFIG = PipelineConfig()


@pytest.fixture(autouse=True)
def plain_fill(monkeypatch):
    """The network as it begins: a push-pull fill and level disparity."""
    monkeypatch.setattr(networks, "inpaint_network", lambda name, h, w: PocketInpaint(h, w).eval())


def scene():
    """A near card that the right frame cuts, before a far grey wall: photo uint8 and disparity."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    card = (x > 90) & (y > 30) & (y < 60)
    photo = np.where(card[..., None], (220, 60, 30), (120, 130, 140)).astype(np.uint8)
    return photo, np.where(card, 0.8, 0.2).astype(np.float32)


def bordered(percent):
    photo, disparity = scene()
    return photo, *with_border(photo, layered_by(photo, disparity, CONFIG, None, None), percent, CONFIG)


def test_the_photo_stays_and_the_parallax_keeps_its_pixels():
    photo, picture, source = bordered(10.0)
    assert picture.shape == (HEIGHT + 24, WIDTH + 24, 3)
    assert np.array_equal(picture[12:-12, 12:-12], photo)
    before = CONFIG.layering.max_parallax * WIDTH
    assert source.layering.max_parallax * (WIDTH + 24) == pytest.approx(before)
    assert "border of 12 pixels" in source.made_by


def test_the_border_goes_on_from_the_edge():
    _, picture, source = bordered(10.0)
    plane = source.ldi.disparity[0, 0]
    assert plane.shape == picture.shape[:2]
    assert np.array_equal(plane[12:-12, 12:-12], scene()[1])
    # Far all around but where the card is cut: there it is as near as the card, at most.
    assert plane[:12].max() <= 0.2 + 1e-6 and plane[:, :12].max() <= 0.2 + 1e-6
    assert plane[57, -6] == pytest.approx(0.8, abs=1e-6) and plane[:, -12:].max() <= 0.8 + 1e-6
    # A wall of one colour goes on in that colour.
    assert np.abs(picture[:6].astype(int) - (120, 130, 140)).max() <= 2


def test_views_past_the_frame_show_no_hole():
    _, picture, source = bordered(5.0)
    ldi, parallax = source.ldi, source.layering.max_parallax
    zoom = border_zoom(ldi, REACH, parallax)
    # What is left of the larger picture is the photo's own frame at least.
    assert picture.shape[1] / zoom >= WIDTH and picture.shape[0] / zoom >= HEIGHT
    for x, y in ((REACH, 0.0), (-REACH, 0.0), (0.0, REACH), (0.0, -REACH)):
        view = render(ldi, Camera(x, y, zoom, 0.5, parallax))
        assert view.coverage[1:-1, 1:-1].min() > 0.5


def test_a_file_with_a_border(tmp_path):
    photo, disparity = scene()
    Image.fromarray(photo).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", disparity)
    choices = {"depth_map": tmp_path / "depth.npy", "config": CONFIG}
    made = make_3d_photo(tmp_path / "photo.png", tmp_path / "out", border=5.0, **choices)
    assert (made.height, made.width) == (HEIGHT + 12, WIDTH + 12)
    ldi = read_ldi(tmp_path / "out" / "ldi")
    inside = np.rint(ldi.color[0].transpose(1, 2, 0)[6:-6, 6:-6] * 255)
    assert np.array_equal(inside, photo)


def test_a_coarse_disparity_is_fitted_first(tmp_path):
    photo, disparity = scene()
    np.save(tmp_path / "depth.npy", disparity[::6, ::6])
    source = from_depth_map(photo, tmp_path / "depth.npy", CONFIG, None)
    picture, made = with_border(photo, source, 10.0, CONFIG)
    assert made.ldi.size == picture.shape[:2]
    made.ldi.check(picture.transpose(2, 0, 1) / np.float32(255))


@pytest.mark.parametrize("border", [-1.0, 26.0, float("nan")])
def test_refuses_a_border_out_of_range(tmp_path, border):
    with pytest.raises(InputError, match="0 to 25 percent"):
        make_3d_photo(tmp_path / "photo.png", tmp_path / "out", border=border)


def test_refuses_a_border_with_a_bundle(tmp_path):
    with pytest.raises(InputError, match="without --bundle"):
        make_3d_photo(tmp_path / "photo.png", tmp_path / "out", border=5.0, bundle=tmp_path)
    assert not (tmp_path / "out").exists()
