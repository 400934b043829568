"""Photos of every size and shape come through, with the embedded networks; so do photos that show nothing."""

import subprocess
import sys

import numpy as np
import pytest
from ldikit.reference.ldi_files import read_ldi
from ldikit.reference.sizes import ProgramSize
from ldikit.runtime.photo3d.motion import Motion
from ldikit.runtime.photo3d.outputs import Outputs
from ldikit.runtime.photo3d.photo import make_3d_photo
from PIL import Image

SHORT = Outputs(Motion(seconds=2 / 30))
SMALL = ProgramSize(64, 96)


def colours(height, width):
    """Soft blotches under noise."""
    rng = np.random.default_rng(height * width)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8)).resize((width, height))
    return (np.asarray(coarse) * 0.9 + rng.uniform(0, 25, (height, width, 3))).astype(np.uint8)


def page():
    """A scan: lines of text on white, whose depth is the same everywhere."""
    pixels = np.full((280, 200, 3), 250, np.uint8)
    pixels[20:260:12, 20:180:2] = 30
    return pixels


@pytest.mark.parametrize(
    ("height", "width"),
    [(32, 32), (32, 256), (256, 32), (33, 47), (97, 65), (128, 128), (60, 400)],
)
def test_every_shape_comes_through(height, width, tmp_path):
    Image.fromarray(colours(height, width)).save(tmp_path / "photo.png")
    made = make_3d_photo(tmp_path / "photo.png", tmp_path / "out", size=SMALL, outputs=SHORT)
    assert (made.height, made.width) == (height, width)
    ldi = read_ldi(tmp_path / "out" / "ldi")
    ldi.check(colours(height, width).transpose(2, 0, 1) / np.float32(255))


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_uniform_photo_comes_through_and_says_so(value, tmp_path):
    Image.fromarray(np.full((90, 120, 3), value, np.uint8)).save(tmp_path / "photo.png")
    made = make_3d_photo(tmp_path / "photo.png", tmp_path / "out", size=SMALL, outputs=SHORT)
    read_ldi(tmp_path / "out" / "ldi").check()
    assert [warning.split(":")[0] for warning in made.warnings] == ["too little to see"]


def test_a_flat_scene_by_its_own_depth_says_so(tmp_path):
    Image.fromarray(page()).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", np.full((280, 200), 3.0, np.float32))
    made = make_3d_photo(
        tmp_path / "photo.png", tmp_path / "out", depth_map=tmp_path / "depth.npy", outputs=SHORT
    )
    assert made.depth_range == 0
    assert any(warning.startswith("too little depth") for warning in made.warnings)
    ldi = read_ldi(tmp_path / "out" / "ldi")
    assert ldi.occupancy[1:].max() == 0  # nothing is hidden behind a page


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(8500, 11700), (4000, 24000)], ids=["4:3", "panorama"])
def test_a_photo_of_100_megapixels_needs_less_than_12_gb(height, width, tmp_path):
    coarse = Image.fromarray(colours(height // 40, width // 40))
    coarse.resize((width, height), Image.Resampling.BILINEAR).save(tmp_path / "photo.jpg", quality=85)
    script = (
        "import resource, sys\n"
        "from ldikit.runtime.photo3d.photo import make_3d_photo\n"
        "made = make_3d_photo(sys.argv[1], sys.argv[2])\n"
        "print(made.height, made.width, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "photo.jpg"), str(tmp_path / "out")],
        check=True,
        capture_output=True,
        text=True,
    )
    *size, peak = map(int, done.stdout.split())
    assert size == [height, width]
    gigabytes = peak / (1e9 if sys.platform == "darwin" else 1e6)
    assert gigabytes < 12, f"{gigabytes:.2f} GB"
