"""Videos, read back by other libraries; views of a camera that goes forwards."""

from fractions import Fraction

import av
import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.reference.render import Camera, render
from ldikit.runtime.photo3d.dolly import dolly_view
from ldikit.runtime.photo3d.motion import Motion, Pose, way_of
from ldikit.runtime.photo3d.video import check_kinds, least_zoom, posed_picture, write_videos, write_wiggle
from PIL import Image

HEIGHT, WIDTH, PARALLAX = 64, 96, 0.05


@pytest.fixture(scope="module")
def disc():
    """A near disc (disparity 1) before a wall (0) that goes on behind it in layer 1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    near = ((y - 32) ** 2 + (x - 48) ** 2 < 16**2).astype(np.float32)
    wall = np.stack([x / WIDTH / 2, y / HEIGHT, np.full_like(x, 0.5, dtype=float)]).astype(np.float32)
    front = np.where(near > 0, np.array([0.9, 0.2, 0.1])[:, None, None], wall).astype(np.float32)
    disparity = np.stack([near, np.zeros_like(near)])[:, None]
    occupancy = np.stack([np.ones_like(near), near])[:, None]
    return LDI(np.stack([front, wall]), disparity, occupancy)


def written(folder, ldi, kinds, motion):
    write_videos(folder, ldi, PARALLAX, way_of(motion, *ldi.size, PARALLAX).poses, motion.fps, kinds)


def test_mp4_plays_as_long_and_as_large_as_asked(tmp_path, disc):
    written(tmp_path, disc, ["mp4"], Motion(seconds=0.8, fps=25))
    with av.open(str(tmp_path / "video.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.average_rate) == (96, 64, 25)
        assert stream.duration * stream.time_base == Fraction(4, 5)
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == 20
    steps = [np.abs(a - b).mean() for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    assert steps[-1] < 1.5 * max(steps[:-1])  # the frame after the last is the first
    assert np.abs(frames[0] - frames[10]).mean() > 2 * max(steps)


@pytest.mark.parametrize(
    ("kind", "fps", "frames"), [("gif", 30, 8), ("gif", 10, 5), ("gif", 60, 10), ("webp", 30, 15)]
)
def test_gif_and_webp_last_half_a_second_and_repeat(tmp_path, disc, kind, fps, frames):
    written(tmp_path, disc, [kind], Motion(seconds=0.5, fps=fps, name="horizontal"))
    with Image.open(tmp_path / f"video.{kind}") as image:
        assert (image.size, image.n_frames, image.info["loop"]) == ((96, 64), frames, 0)
        durations, pictures = [], []
        for index in range(frames):
            image.seek(index)
            pictures.append(np.asarray(image.convert("RGB")).astype(int))
            durations.append(image.info["duration"])
    assert sum(durations) == pytest.approx(500, abs=1)
    # The first frame is the photo itself, as far as 256 colours or the lossy coding go.
    still = np.rint(disc.color[0].transpose(1, 2, 0) * 255)
    zoom = least_zoom(disc, way_of(Motion(name="horizontal"), 64, 96, PARALLAX).poses, PARALLAX)
    shown = posed_picture(disc, Pose(), zoom, PARALLAX)
    assert np.abs(pictures[0] - shown).mean() < 12 < np.abs(pictures[0] - still.mean()).mean()


def test_several_kinds_come_from_one_rendering(tmp_path, disc, monkeypatch):
    from ldikit.runtime.photo3d import video

    calls = []
    picture = video.posed_picture
    monkeypatch.setattr(video, "posed_picture", lambda *a: calls.append(a) or picture(*a))
    written(tmp_path, disc, ["mp4", "webp", "wiggle"], Motion(seconds=0.2))
    assert len(calls) == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["video.mp4", "video.webp"]


def test_wiggle_goes_left_middle_right_middle(tmp_path, disc):
    write_wiggle(tmp_path / "wiggle.gif", disc, PARALLAX)
    with Image.open(tmp_path / "wiggle.gif") as image:
        assert image.n_frames == 4
        pictures = []
        for index in range(4):
            image.seek(index)
            assert image.info["duration"] == 120
            pictures.append(np.asarray(image.convert("RGB")).astype(int))
    red = [np.nonzero((p[..., 0] > 180) & (p[..., 1] < 110))[1].mean() for p in pictures]
    # The disc is nearer than the focus: it goes against the camera, by 0.9 · 4.8 px · 0.5.
    assert red[0] - red[2] == pytest.approx(2 * 0.9 * 4.8 * 0.5, abs=1.0)
    assert red[1] == pytest.approx(red[3], abs=0.3)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="unknown kind of video 'avi'; known: mp4, gif, webp, wiggle"):
        check_kinds(["mp4", "avi"])


def test_without_growth_the_forward_view_is_the_lateral_one(disc):
    laid, coverage = dolly_view(disc, 0.0, 1.1, 0.5)
    view = render(disc, Camera(zoom=1.1))
    assert np.abs(coverage - view.coverage).max() < 1e-5
    assert np.abs(laid - view.rgb * view.coverage[..., None]).max() < 1e-4


@pytest.mark.parametrize("growth", [-0.08, 0.08])
def test_forwards_the_near_disc_grows_and_backwards_what_it_hid_is_seen(disc, growth):
    laid, coverage = dolly_view(disc, growth, 1.0, 0.0)
    assert coverage.min() > 0.999
    red = (laid[..., 0] > 0.8) & (laid[..., 1] < 0.3)
    # The wall (disparity 0, the focus) stays; the disc's radius of 16 px is scaled by 1 + growth.
    assert np.sqrt(red.sum() / np.pi) == pytest.approx(16 * (1 + growth), abs=0.6)
    away = np.hypot(*(np.mgrid[:HEIGHT, :WIDTH] - np.array([32, 48])[:, None, None])) > 19
    assert np.abs(laid[away] - disc.color[0].transpose(1, 2, 0)[away]).max() < 1e-5
    ring = np.hypot(*(np.mgrid[:HEIGHT, :WIDTH] - np.array([32, 48])[:, None, None]))
    if growth < 0:
        seen = (ring > 15.4) & (ring < 15.9)
        hidden = disc.color[1].transpose(1, 2, 0)
        assert np.abs(laid[seen] - hidden[seen]).mean() < 0.12


def test_a_forward_view_hides_the_far_behind_the_near_off_the_middle():
    """A near stripe right of the middle, seen from further forwards, covers the wall on its right."""
    disparity = np.zeros((1, 1, 32, 64), np.float32)
    disparity[..., 44:50] = 1.0
    color = np.zeros((1, 3, 32, 64), np.float32)
    color[0, 0, :, 44:50] = 1.0
    color[0, 2] = 1 - color[0, 0]
    laid, coverage = dolly_view(LDI(color, disparity, np.ones_like(disparity)), 0.2, 1.0, 0.0)
    red = np.nonzero(laid[16, :, 0] > 0.5)[0]
    # From 31.5: 12.5 … 17.5 px become 15 … 21 px, so 46.5 … 52.5; the tear on the left leaves a hole.
    assert (red.min(), red.max()) == (47, 52)
    assert laid[16, 54, 2] > 0.9 and laid[16, 50, 2] < 0.1 and coverage[16, 45] < 0.5


def test_the_zoom_hides_borders_of_every_focus_but_not_of_a_way_forwards(disc):
    # The border lies at disparity 0: with the focus at f it moves by 4.8 · reach · f.
    assert least_zoom(disc, [Pose(x=1, focus=0.5)], PARALLAX) == pytest.approx(1 / (1 - 2 * 2.4 / 64))
    assert least_zoom(disc, [Pose(x=1, focus=0.5), Pose(focus=1.0, y=1)], PARALLAX) == pytest.approx(
        1 / (1 - 2 * 4.8 / 64)
    )
    assert least_zoom(disc, [Pose(dolly=1, focus=0.0)], PARALLAX) == 1
