"""What the viewer's file holds: everything, exactly, and nothing that could run or leave the page."""

import base64
import hashlib
import html
import io
import json
import re

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.viewer.page import write_viewer
from ldikit.runtime.viewer.shrink import shrink
from ldikit.runtime.viewer.textures import (
    EMPTY,
    REACHES,
    TILE,
    backdrop_texture,
    bounds_texture,
    geometry_texture,
)
from PIL import Image


def decode(uri):
    kind, data = uri.split(",", 1)
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def random_ldi(layers=2, height=20, width=30, seed=0):
    rng = np.random.default_rng(seed)
    disparity = np.sort(rng.random((layers, 1, height, width)), axis=0)[::-1].astype(np.float32)
    occupancy = (rng.random((layers, 1, height, width)) > 0.7).astype(np.float32)
    occupancy[0] = 1
    return LDI(rng.random((layers, 3, height, width)).astype(np.float32), disparity.copy(), occupancy)


def page_of(tmp_path, ldi, **options):
    path = tmp_path / "viewer.html"
    write_viewer(path, ldi, **options)
    return path.read_text(encoding="utf-8")


def data_of(page):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def test_policy_allows_this_script_and_style_alone(tmp_path):
    page = page_of(tmp_path, random_ldi())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy).split(";"))
    for rule, element in (
        ("script-src", r'<script type="module">(.*?)</script>'),
        ("style-src", "<style>(.*?)</style>"),
    ):
        (text,) = re.findall(element, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s'\"]*", re.sub(r"base64,[\w+/=]+", "", page)))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not a place


def test_words_of_the_user_are_words(tmp_path):
    evil = "</script><script>alert(1)</script>\" onload='x' <!--"
    page = page_of(tmp_path, random_ldi(), other=random_ldi(seed=1), names=(evil, "b"), title=evil, alt=evil)
    assert "alert(1)</script>" not in page and "<script>alert" not in page
    data = data_of(page)
    assert data["title"] == evil and data["scenes"][0]["name"] == evil


def test_geometry_is_exact():
    ldi = random_ldi(height=33, width=18)
    front = decode(geometry_texture(ldi, 0))
    np.testing.assert_array_equal(
        front[..., 0] * 256 + front[..., 1], np.rint(ldi.disparity[0, 0].astype(float) * 65535)
    )
    assert (front[..., 2] == 255).all()
    lonely = LDI(ldi.color, ldi.disparity, ldi.occupancy.copy())
    lonely.occupancy[1] = 0
    lonely.occupancy[1, 0, 10, 9] = 100 / 255
    hidden = decode(geometry_texture(lonely, 1))
    codes = hidden[..., 0] * 256 + hidden[..., 1]
    kept = np.zeros(codes.shape, bool)
    kept[8:13, 7:12] = True  # two pixels around the only one that is filled
    np.testing.assert_array_equal(codes[kept], np.rint(ldi.disparity[1, 0].astype(float) * 65535)[kept])
    assert (codes[~kept] == EMPTY).all()
    assert hidden[10, 9, 2] == 100 and hidden[..., 2].sum() == 100


def test_bounds_hold_everything_within_reach():
    """By brute force: all filled pixels as far away as the parallax, and the hats' three pixels."""
    ldi = random_ldi(height=40, width=52, seed=3)
    smooth = np.linspace(0.2, 0.6, 52, dtype=np.float32)
    ldi.disparity[:] = smooth
    ldi.disparity[0, 0, 5, 40] = 0.95
    ldi.disparity[1, 0, 30, 3], ldi.occupancy[1, 0, 30, 3] = 0.05, 1
    ldi.disparity[1, 0, 20, 20], ldi.occupancy[1, 0, 20, 20] = 0.0, 0  # empty: does not count
    parallax = 0.3
    tables = decode(bounds_texture(ldi, parallax))
    rows, columns = -(-40 // TILE), -(-52 // TILE)
    assert tables.shape[:2] == (rows * len(REACHES), columns)
    y, x = np.mgrid[:40, :52]
    for table, reach in enumerate(REACHES):
        far = reach * parallax * 52 + 3
        for row in range(rows):
            for column in range(columns):
                near = (y >= row * TILE - far) & (y < (row + 1) * TILE + far)
                near &= (x >= column * TILE - far) & (x < (column + 1) * TILE + far)
                seen = ldi.disparity[:, 0][(ldi.occupancy[:, 0] > 0) & near]
                largest, smallest, _ = tables[table * rows + row, column] / 255
                assert smallest - 1e-6 <= seen.min() and seen.max() <= largest + 1e-6
    flat = tables[2 * columns // columns, columns // 2] / 255  # not simply everything
    assert flat[0] - flat[1] < 0.9


def test_backdrop_is_of_what_is_far():
    """A near red disc before blue: blue goes on behind it."""
    y, x = np.mgrid[:160, :160]
    disc = (y - 80) ** 2 + (x - 80) ** 2 < 50**2
    color = np.where(disc, np.reshape((1, 0, 0), (3, 1, 1)), np.reshape((0, 0, 1), (3, 1, 1)))[None]
    disparity = np.where(disc, 0.9, 0.1)[None, None]
    painted = decode(
        backdrop_texture(LDI(*(p.astype(np.float32) for p in (color, disparity, disparity * 0 + 1))))
    )
    assert painted.shape[:2] == (20, 20)
    assert painted[..., 2].min() > 200 and painted[..., 0].max() < 50


def test_equal_pictures_go_in_once(tmp_path):
    ldi = random_ldi()
    same = data_of(page_of(tmp_path, ldi, other=ldi))
    assert len(same["pictures"]) == 6 and same["scenes"][0]["layers"] == same["scenes"][1]["layers"]
    assert same["pictures"][0] is None  # it is the <img>


def test_a_large_photo_stays_below_six_megabytes(tmp_path):
    """Noise as of a camera on smooth shapes, a bumpy disparity, a tenth of the picture hidden."""
    rng = np.random.default_rng(1)
    height, width = 1200, 1600
    y, x = np.mgrid[:height, :width].astype(np.float32)
    color = np.stack([0.5 + 0.3 * np.sin(x / (9 + 5 * c)) * np.cos(y / (14 + c)) for c in range(3)])
    color = np.stack([color, color[::-1]]) + rng.normal(0, 0.015, (2, 3, height, width))
    front = 0.4 + 0.2 * np.sin(x / 190) * np.cos(y / 230) + 0.3 * ((x // 400 + y // 300) % 2)
    front += np.asarray(
        Image.fromarray(rng.normal(0, 0.003, (96, 128)).astype(np.float32)).resize((width, height))
    )
    disparity = np.stack([front, np.minimum(front, 0.4) - 0.1])[:, None]
    occupancy = np.stack([np.ones_like(front), (x % 400 < 40)])[:, None]
    planes = [np.clip(plane, 0, 1).astype(np.float32) for plane in (color, disparity, occupancy)]
    path = tmp_path / "viewer.html"
    write_viewer(path, LDI(*planes))
    assert 1e5 < path.stat().st_size < 6e6
    text = path.read_text(encoding="utf-8")
    assert (data_of(text)["width"], data_of(text)["height"]) == (1600, 1200)


def test_shrinking_picks_disparity_and_averages_colour_of_what_is_there():
    color = np.zeros((2, 3, 4, 8), np.float32)
    color[0, :, :, ::2], color[1, :, :, ::2] = 1.0, 0.6
    disparity = np.full((2, 1, 4, 8), 0.25, np.float32)
    disparity[0, 0, :, 4:] = 0.75
    occupancy = np.ones((2, 1, 4, 8), np.float32)
    occupancy[1, 0, :, 1::2] = 0  # where the hidden layer is empty it is black, which must not count
    small = shrink(LDI(color, disparity, occupancy), 4)
    assert small.size == (2, 4)
    np.testing.assert_allclose(small.color[0], 0.5, atol=1e-6)
    np.testing.assert_allclose(small.color[1], 0.6, atol=1e-6)
    np.testing.assert_allclose(small.occupancy[1], 0.5, atol=1e-6)
    assert set(np.unique(small.disparity)) == {np.float32(0.25), np.float32(0.75)}
    ldi = random_ldi()
    assert shrink(ldi, 30) is ldi


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"other": random_ldi(height=24)}, "one size"),
        ({"parallax": 0.0}, "parallax"),
        ({"parallax": float("nan")}, "parallax"),
        ({"max_side": 5}, "16 to 4096"),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        write_viewer(tmp_path / "viewer.html", random_ldi(), **options)
    assert list(tmp_path.iterdir()) == []


def test_bad_layers_are_refused_and_nothing_is_overwritten(tmp_path):
    path = tmp_path / "viewer.html"
    with pytest.raises(InputError, match="up to 8 layers, got 9"):
        write_viewer(path, random_ldi(layers=9))
    broken = random_ldi()
    broken.disparity[1, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="disparity must be within"):
        write_viewer(path, broken)
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_viewer(path, random_ldi())
    assert path.read_text() == "mine"
    write_viewer(path, random_ldi(), overwrite=True)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
