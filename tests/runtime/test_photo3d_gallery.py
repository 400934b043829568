"""Galleries, comparisons, retouched photos and records: what is kept, made, refused and shown."""

import io
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from ldikit.reference import pipeline
from ldikit.reference.depth.pocket import PocketDepth
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.ldi_files import read_ldi
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.photo3d import gallery as galleries
from ldikit.runtime.photo3d.gallery import folder_names, make_gallery
from ldikit.runtime.photo3d.motion import Motion
from ldikit.runtime.photo3d.outputs import Outputs
from ldikit.runtime.photo3d.photo import make_3d_photo
from ldikit.runtime.photo3d.record import FILE_NAME, options_digest, parallax_of, read_record
from ldikit.runtime.photo3d.refocus import Refocus
from ldikit.runtime.photo3d.retouch import retouch_3d_photo
from PIL import Image

SHORT = Motion(seconds=2 / 30)
CHOICES = {"size": ProgramSize(64, 64), "outputs": Outputs(SHORT)}


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    def depth(name, height, width):
        import torch

        torch.manual_seed(0)
        return PocketDepth(height, width).eval()

    monkeypatch.setattr(pipeline, "depth_network", depth)
    monkeypatch.setattr(pipeline, "inpaint_network", lambda name, h, w: PocketInpaint(h, w).eval())


def write_photo(path, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), np.uint8).repeat(6, 0).repeat(6, 1)
    exif = Image.Exif()
    exif[0x010F] = "SecretMaker"
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    good = [write_photo(folder / name, seed) for seed, name in enumerate(("b.png", "one & only.jpg"))]
    bad = folder / "bad<i>.jpg"
    bad.write_text("no photo")
    return [good[0], bad, good[1]]


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.images, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.append(tag)
        if "href" in named and tag == "a":
            self.links.append(named["href"])
        if tag == "img":
            self.images.append(named)


def test_a_bad_photo_does_not_stop_the_others(tmp_path, photos):
    out = tmp_path / "out"
    before = {p: p.read_bytes() for p in photos}
    done = make_gallery(photos, out, CHOICES)
    assert (done.photos, done.made, done.kept, list(done.failed)) == (
        3,
        ["b", "one & only"],
        [],
        ["bad<i>.jpg"],
    )
    assert sorted(p.name for p in out.iterdir()) == ["b", "index.html", "one & only"]
    assert {p: p.read_bytes() for p in photos} == before
    text = (out / "index.html").read_text()
    page = Page(text)
    assert page.links == [
        "b/viewer.html",
        "b/video.mp4",
        "one%20%26%20only/viewer.html",
        "one%20%26%20only/video.mp4",
    ]
    assert "bad&lt;i&gt;.jpg" in text and "i" not in page.tags
    assert all(image["src"].startswith("data:image/jpeg") and image["alt"] == "" for image in page.images)
    assert len(page.images) == 2 and not re.search(r"https?://|<script", text)
    for file in (p for p in out.rglob("*") if p.is_file()):
        assert b"Secret" not in file.read_bytes()


def test_what_is_complete_is_kept_and_only_the_rest_is_made(tmp_path, photos, monkeypatch):
    out = tmp_path / "out"
    made = make_3d_photo
    calls = []

    def interrupted(photo, *arguments, **choices):
        calls.append(photo.name)
        if photo == photos[2]:
            raise KeyboardInterrupt
        return made(photo, *arguments, **choices)

    with monkeypatch.context() as patch:
        patch.setattr(galleries, "make_3d_photo", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_gallery(photos, out, CHOICES)
    assert Page((out / "index.html").read_text()).links == ["b/viewer.html", "b/video.mp4"]
    stamp = (out / "b" / "video.mp4").stat().st_mtime_ns
    done = make_gallery(photos, out, CHOICES)
    assert (done.kept, done.made) == (["b"], ["one & only"])
    assert (out / "b" / "video.mp4").stat().st_mtime_ns == stamp


def test_another_photo_or_option_is_refused_and_replaced_only_when_asked(tmp_path, photos):
    out = tmp_path / "out"
    make_gallery(photos[:1], out, CHOICES)
    other = {**CHOICES, "outputs": Outputs(SHORT, videos=("wiggle",))}
    refused = make_gallery(photos[:1], out, other)
    assert "--overwrite" in refused.failed["b.png"] and (out / "b" / "video.mp4").exists()
    assert make_gallery(photos[:1], out, other, overwrite=True).made == ["b"]
    assert not (out / "b" / "video.mp4").exists() and (out / "b" / "wiggle.gif").exists()
    write_photo(photos[0], seed=9)
    assert make_gallery(photos[:1], out, other).failed.keys() == {"b.png"}


def test_a_page_that_is_no_gallery_stays(tmp_path, photos):
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("<p>mine")
    with pytest.raises(InputError, match="--overwrite"):
        make_gallery(photos, out, CHOICES)
    assert [p.name for p in out.iterdir()] == ["index.html"]


def test_photos_of_one_name_get_folders_of_their_own():
    assert folder_names([Path("a.jpg"), Path("A.png"), Path("b.v2.jpg")]) == ["a-jpg", "A-png", "b.v2"]


def test_the_digest_of_options_follows_files_and_values(tmp_path):
    file = tmp_path / "depth.safetensors"
    file.write_bytes(b"1")
    one = options_digest({**CHOICES, "depth": str(file)})
    assert one == options_digest({"depth": file, **CHOICES})
    file.write_bytes(b"2")
    assert one != options_digest({**CHOICES, "depth": str(file)})
    assert options_digest({"outputs": Outputs()}) != options_digest({"outputs": Outputs(Motion("swing"))})


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "made"
    outputs = Outputs(SHORT, files=("ora", "sbs"), refocus=Refocus(0.5, 0.5))
    make_3d_photo(write_photo(tmp_path / "p.png"), folder, size=ProgramSize(64, 64), outputs=outputs)
    return folder


def test_every_output_is_there_and_recorded(made, tmp_path):
    names = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    assert {
        "viewer.html",
        "refocused.jpg",
        "files/p.ora",
        "files/p_sbs.jpg",
        "preview.jpg",
        FILE_NAME,
    } <= names
    with Image.open(made / "refocused.jpg") as still:
        assert still.size == (72, 48) and not still.getexif()
    record = read_record(made)
    assert (record.height, record.width, record.layers, record.parallax) == (48, 72, 3, 0.05)
    assert record.photo_sha256 is not None and record.options_sha256 is None


def test_painted_layers_come_back(made, tmp_path):
    """A red square painted on layer 0 is in the new layers, video size and viewer; the rest is as it was."""
    edited = tmp_path / "edited.ora"
    with zipfile.ZipFile(made / "files" / "p.ora") as old, zipfile.ZipFile(edited, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "data/layer0.png":
                picture = np.array(Image.open(io.BytesIO(content)))
                picture[10:20, 30:50, :3] = (255, 0, 0)
                buffer = io.BytesIO()
                Image.fromarray(picture).save(buffer, "PNG")
                content = buffer.getvalue()
            new.writestr(entry, content)
    result = retouch_3d_photo(
        made, edited, tmp_path / "new", outputs=Outputs(SHORT, compare=str(made), files=("ora",))
    )
    assert {"viewer.html", "compare.html", "video.mp4", "files/edited.ora"} <= set(result.files)
    assert "painted on in edited.ora" in result.made_by
    before, after = read_ldi(made / "ldi"), read_ldi(tmp_path / "new" / "ldi")
    assert np.array_equal(
        after.color[0, :, 10:20, 30:50], np.broadcast_to([[[1]], [[0]], [[0]]], (3, 10, 20))
    )
    assert np.array_equal(after.color[0, :, 30:], before.color[0, :, 30:])
    assert np.abs(after.disparity - before.disparity).max() < 2e-5


def test_retouching_refuses_what_is_no_layered_file(made, tmp_path):
    with pytest.raises(InputError, match="no OpenRaster"):
        retouch_3d_photo(made, tmp_path / "p.png", tmp_path / "new")
    with pytest.raises(InputError, match="no such LDI folder"):
        retouch_3d_photo(tmp_path, made / "files" / "p.ora", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_two_3d_photos_under_one_camera(made, tmp_path):
    outputs = Outputs(SHORT, compare=str(made))
    make_3d_photo(tmp_path / "p.png", tmp_path / "two", size=ProgramSize(64, 64), outputs=outputs)
    text = (tmp_path / "two" / "compare.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert [scene["name"] for scene in data["scenes"]] == ["two", "made"]


@pytest.mark.parametrize(
    ("other", "words"),
    [("torch:fp32", "--bundle"), ("nowhere", "BACKEND:PRECISION"), ("nobackend:fp32", "BACKEND:PRECISION")],
)
def test_nothing_to_compare_with_is_refused_at_once(tmp_path, other, words):
    with pytest.raises(InputError, match=words):
        make_3d_photo(tmp_path / "none.png", tmp_path / "out", outputs=Outputs(compare=other))


def test_a_photo_of_another_size_cannot_be_compared(made, tmp_path):
    larger = tmp_path / "large.png"
    Image.new("RGB", (96, 80)).save(larger)
    with pytest.raises(InputError, match="one size"):
        make_3d_photo(
            larger, tmp_path / "out", outputs=Outputs(SHORT, compare=str(made)), size=ProgramSize(64, 64)
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 1, "warnings": 3}', "[" * 100000],
)
def test_a_record_that_is_none_is_refused(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(InputError, match=r"photo\.json"):
        read_record(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("parallax", 2), ("parallax", "x"), ("width", 0), ("extra", 1)])
def test_a_record_with_a_wrong_value_is_refused(made, name, value):
    path = made / FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(InputError, match="no record of a 3D photo"):
        parallax_of(made)
