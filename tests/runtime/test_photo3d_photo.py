"""One photo to a 3D photo: what is written, at which size, and that nothing is left behind by an error."""

import subprocess
import sys

import av
import numpy as np
import pytest
from ldikit.reference import pipeline
from ldikit.reference.config import PipelineConfig
from ldikit.reference.depth.pocket import PocketDepth
from ldikit.reference.errors import InputError
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.ldi_files import read_ldi
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.photo3d import outputs, source
from ldikit.runtime.photo3d import photo as photo3d
from ldikit.runtime.photo3d.motion import Motion
from ldikit.runtime.photo3d.outputs import Outputs
from PIL import Image

SHORT = Outputs(Motion(seconds=4 / 30))


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    """Networks without weights files: what is tested here is not what they learnt."""

    def depth(name, height, width):
        import torch

        torch.manual_seed(0)
        return PocketDepth(height, width).eval()

    monkeypatch.setattr(pipeline, "depth_network", depth)
    monkeypatch.setattr(pipeline, "inpaint_network", lambda name, h, w: PocketInpaint(h, w).eval())


def make(photo_path, destination, **choices):
    """A 3D photo with a video of four frames."""
    return photo3d.make_3d_photo(photo_path, destination, **{"outputs": SHORT, **choices})


def scene(height=90, width=120):
    """A near disc before a far wall: photo uint8 and disparity in [0, 1]."""
    y, x = np.mgrid[:height, :width]
    disc = (y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 4) ** 2
    stripes = (x // 6 % 2 * 80 + 60)[..., None] * np.array([0.5, 0.8, 1.0])
    photo = np.where(disc[..., None], (220, 60, 30), stripes).astype(np.uint8)
    return photo, disc.astype(np.float32)


@pytest.fixture
def photo_file(tmp_path):
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x010F] = "SecretMaker"
    exif[0x0112] = 1
    Image.fromarray(scene()[0]).save(path, quality=95, exif=exif, comment=b"SecretComment")
    return path


def write_map(path, plane):
    np.save(path, plane)
    return path


def test_writes_everything_at_the_photos_own_size(tmp_path, photo_file):
    made = make(photo_file, tmp_path / "out", size=ProgramSize(64, 96))
    assert (made.height, made.width, made.layers) == (90, 120, 3)
    written = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert written == set(made.files)
    assert {"depth.png", "preview.jpg", "video.mp4", "ldi/ldi.json", "ldi/layer2_color.png"} <= written
    ldi = read_ldi(tmp_path / "out" / "ldi")
    pixels = np.asarray(Image.open(photo_file).convert("RGB"))
    ldi.check(pixels.transpose(2, 0, 1) / np.float32(255))
    with Image.open(tmp_path / "out" / "depth.png") as depth:
        assert depth.size == (96, 72) and depth.mode == "I;16"  # the program's long side, the photo's shape
    assert "float reference" in made.made_by and not made.simulated


def test_no_metadata_of_the_photo_is_copied(tmp_path, photo_file):
    made = make(photo_file, tmp_path / "out", size=ProgramSize(64, 64))
    assert b"Secret" in photo_file.read_bytes()
    for name in made.files:
        assert b"Secret" not in (tmp_path / "out" / name).read_bytes()


def test_video_loops_at_an_even_size_without_holes(tmp_path, photo_file):
    plane = write_map(tmp_path / "depth.npy", scene()[1])
    make(photo_file, tmp_path / "out", depth_map=plane)
    with av.open(str(tmp_path / "out" / "video.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (120, 90)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 30
        frames = [f.to_ndarray(format="rgb24").astype(int) for f in container.decode(video=0)]
    assert len(frames) == 4
    # The darkest colour of the scene is (30, 48, 60), less what the codec does to it; a hole is black.
    assert min(frame.max(axis=2).min() for frame in frames) > 24


def test_a_depth_map_is_layered_at_the_photos_size_without_resampling(tmp_path, photo_file):
    _, plane = scene()
    made = make(photo_file, tmp_path / "out", depth_map=write_map(tmp_path / "d.npy", 3 + 40 * plane))
    ldi = read_ldi(tmp_path / "out" / "ldi")
    assert np.array_equal(ldi.disparity[0, 0], plane)
    with Image.open(tmp_path / "out" / "depth.png") as depth:
        assert np.array_equal(np.asarray(depth), (plane * 65535).astype(np.uint16))
    assert made.depth_range == 1 and made.warnings == ()
    # The wall goes on behind the rim of the disc: 0.05 · 128 px is how far the view moves at most.
    rim = (plane == 1) & (np.roll(plane, 1, axis=1) == 0)
    assert (ldi.occupancy[1, 0][rim] == 1).all() and (ldi.disparity[1, 0][rim] < 0.3).all()
    assert (ldi.occupancy[1, 0][plane == 0] == 0).all()
    assert ldi.occupancy[1, 0, 45, 60] < 0.05


def test_a_coarse_depth_map_is_fitted_to_the_photos_edges(tmp_path):
    photo, plane = scene(180, 240)
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    coarse = plane.reshape(45, 4, 60, 4).mean(axis=(1, 3))
    make(path, tmp_path / "out", depth_map=write_map(tmp_path / "d.npy", coarse))
    found = read_ldi(tmp_path / "out" / "ldi").disparity[0, 0]
    assert (np.abs(found - plane) > 0.1).mean() < 0.004
    assert ((found > 0.1) & (found < 0.9)).mean() < 0.002


def test_a_large_photo_keeps_the_depth_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "LONGEST", 160)
    photo, plane = scene(300, 400)
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    make(path, tmp_path / "out", depth_map=write_map(tmp_path / "d.npy", plane))
    ldi = read_ldi(tmp_path / "out" / "ldi")
    ldi.check(photo.transpose(2, 0, 1) / np.float32(255))
    assert np.array_equal(ldi.disparity[0, 0], plane)
    assert (ldi.occupancy[0, 0] == 1).all()
    rim = (plane == 1) & (np.roll(plane, 1, axis=1) == 0)
    assert (ldi.occupancy[1, 0][rim] > 0.9).mean() > 0.99


def test_says_when_there_is_too_little_depth(tmp_path, photo_file):
    flat = write_map(tmp_path / "flat.npy", np.ones((90, 120)))
    made = make(photo_file, tmp_path / "out", depth_map=flat)
    assert made.depth_range == 0 and "too little depth" in made.warnings[0]
    assert read_ldi(tmp_path / "out" / "ldi").occupancy[1:].max() == 0


def test_the_smallest_and_the_longest_photos(tmp_path):
    for height, width in ((32, 32), (33, 260), (101, 37)):
        photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        path = tmp_path / f"{height}.png"
        Image.fromarray(photo).save(path)
        plane = write_map(tmp_path / "d.npy", np.linspace(0, 1, height * width).reshape(height, width))
        for name, chosen in (("net", None), ("map", plane)):
            out = tmp_path / f"{height}-{name}"
            size = ProgramSize(64, 64) if chosen is None else None
            make(path, out, depth_map=chosen, size=size)
            read_ldi(out / "ldi").check(photo.transpose(2, 0, 1) / np.float32(255))


def bad_calls(tmp_path, photo):
    """Name of the case → keyword arguments that must be refused, and what the message must say."""
    hole = np.zeros((90, 120))
    hole[4, 5] = np.nan
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    return {
        "missing photo": ({"photo_path": tmp_path / "none.jpg"}, "none.jpg"),
        "text": ({"photo_path": text}, "text.jpg"),
        "folder": ({"photo_path": tmp_path}, ""),
        "NaN": ({"depth_map": write_map(tmp_path / "nan.npy", hole)}, "1 values of 10800"),
        "aspect": ({"depth_map": write_map(tmp_path / "a.npy", np.zeros((90, 90)))}, "shape"),
        "no bundle": ({"bundle": tmp_path / "no"}, "does not exist"),
        "backend": ({"backend": "litert"}, "--bundle"),
        "precision": ({"precision": "int8"}, "--bundle"),
        "both": ({"bundle": tmp_path, "depth_map": tmp_path / "a.npy"}, "without --bundle"),
        "networks": ({"bundle": tmp_path, "config": PipelineConfig(depth="x")}, "without --bundle"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "missing photo",
        "text",
        "folder",
        "NaN",
        "aspect",
        "no bundle",
        "backend",
        "precision",
        "both",
        "networks",
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(tmp_path, photo_file, case):
    choices, words = bad_calls(tmp_path, photo_file)[case]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        make(**{"photo_path": photo_file, "destination": tmp_path / "out", **choices})
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_existing_output_stays_unless_it_may_be_replaced(tmp_path, photo_file, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="--overwrite"):
        make(photo_file, out, size=ProgramSize(64, 64))

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "write_videos", full_disk)
        with pytest.raises(InputError, match="No space left"):
            make(photo_file, out, size=ProgramSize(64, 64), overwrite=True)
    assert [p.name for p in out.iterdir()] == ["mine.txt"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "photo.jpg"]
    make(photo_file, out, size=ProgramSize(64, 64), overwrite=True)
    assert not (out / "mine.txt").exists() and (out / "video.mp4").exists()


def test_output_inside_a_file_is_refused(tmp_path, photo_file):
    with pytest.raises(InputError, match="not a folder"):
        make(photo_file, photo_file / "out")


def test_layers_that_are_not_finite_are_refused(tmp_path, photo_file, monkeypatch):
    class Broken(PocketDepth):
        def forward(self, photo):
            return super().forward(photo) * float("nan")

    monkeypatch.setattr(pipeline, "depth_network", lambda name, h, w: Broken(h, w).eval())
    with pytest.raises(InputError, match="not finite"):
        make(photo_file, tmp_path / "out", size=ProgramSize(64, 64))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_photo_of_12_megapixels_needs_less_than_3_gb(tmp_path):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (75, 100, 3), np.uint8))
    coarse.resize((4000, 3000), Image.Resampling.BICUBIC).save(tmp_path / "photo.jpg", quality=90)
    script = (
        "import resource, sys\n"
        "from ldikit.runtime.photo3d.photo import make_3d_photo\n"
        "made = make_3d_photo(sys.argv[1], sys.argv[2])\n"
        "assert (made.height, made.width) == (3000, 4000)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "photo.jpg"), str(tmp_path / "out")],
        check=True,
        capture_output=True,
        text=True,
    )
    kilobytes = int(out.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 3e6, f"{kilobytes / 1e6:.2f} GB"
