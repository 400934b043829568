"""Camera motions: presets work out to hand-computed poses, files of keyframes are read or refused by name."""

import json
import math

import pytest
from ldikit.reference.errors import InputError
from ldikit.runtime.photo3d.motion import PRESETS, REACH, Keyframe, Motion, way_of
from ldikit.runtime.photo3d.motion_file import read_keyframes

# 96 wide, 5 % parallax of the long side: full reach is 5 % of the width.
FRAME = (64, 96, 0.05)
KEYS = [{"time": 0, "x": 0, "y": 0, "zoom": 1}, {"time": 2, "x": 4, "y": -2, "zoom": 1.5, "focus": 0.25}]


def poses(**choices):
    return way_of(Motion(**choices), *FRAME).poses


def places(made):
    return [(round(p.x, 9), round(p.y, 9)) for p in made]


def test_circle_stays_at_its_radius_and_keeps_its_speed():
    made = poses(seconds=1, fps=8)
    assert len(made) == 8
    assert [math.hypot(p.x, p.y) for p in made] == pytest.approx([REACH] * 8)
    assert (made[2].x, made[2].y) == pytest.approx((0, REACH))


def test_there_and_back_in_equal_or_sine_steps():
    linear = poses(name="horizontal", seconds=1, fps=8, easing="linear", amplitude=5)
    assert [p.x for p in linear] == pytest.approx([0, 0.5, 1, 0.5, 0, -0.5, -1, -0.5])
    sine = poses(name="vertical", seconds=1, fps=8, amplitude=2.5)
    assert [p.y for p in sine] == pytest.approx([0.5 * math.sin(math.pi * i / 4) for i in range(8)])
    cubic = poses(name="horizontal", seconds=1, fps=8, easing="cubic", amplitude=5)
    assert cubic[1].x == pytest.approx(0.5 * (3 - 0.25) / 2)


def test_swing_hangs_lowest_in_the_middle():
    made = poses(name="swing", seconds=1, fps=4, easing="linear", amplitude=5)
    assert places(made) == [(0, 0.25), (1, 0), (0, 0.25), (-1, 0)]


def test_forward_motions():
    zoom = poses(name="zoom-in", seconds=1, fps=4, amplitude=5)
    assert [p.dolly for p in zoom] == pytest.approx([0, 0.5, 1, 0.5])
    assert zoom[0].zoom == pytest.approx(1) and zoom[2].zoom > zoom[1].zoom > 1 and zoom[2].focus == 0
    dolly = poses(name="dolly-zoom", seconds=1, fps=4, amplitude=5)
    assert [p.dolly for p in dolly] == pytest.approx([0, 1, 0, -1], abs=1e-9)
    assert {p.focus for p in dolly} == {None} and {p.zoom for p in dolly} == {1}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_loop_without_a_jump_and_stay_within_reach(name):
    made = poses(name=name, seconds=2, fps=30)
    steps = [
        max(abs(a.x - b.x), abs(a.y - b.y), abs(a.dolly - b.dolly), abs(a.zoom - b.zoom))
        for a, b in zip(made, made[1:] + made[:1], strict=True)
    ]
    assert steps[-1] <= 1.5 * max(steps[:-1])
    assert max(p.reach for p in made) <= REACH + 1e-9


def test_amplitude_is_percent_of_the_width_in_both_orientations():
    assert way_of(Motion(amplitude=3), 96, 64, 0.05).poses[0].x == pytest.approx(3 / 7.5)
    assert way_of(Motion(amplitude=3), 64, 96, 0.05).poses[0].x == pytest.approx(3 / 5)


def test_more_than_the_layers_are_made_for_is_limited_and_said():
    way = way_of(Motion(amplitude=8), *FRAME)
    assert way.poses[0].x == 1
    assert way.remarks == (
        "an amplitude of 8 % of the width is more than the layers are made for: limited to 5 %",
    )
    far = (Keyframe(0, 0, 0, 1), Keyframe(1, 10, 0, 1), Keyframe(2, 0, 0, 1))
    limited = way_of(Motion("far", None, 2, 4, "linear", far), *FRAME)
    assert [p.x for p in limited.poses] == pytest.approx([0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25])
    assert len(limited.remarks) == 1 and "limited to 5 %" in limited.remarks[0]


def test_keyframes_are_passed_at_their_times(tmp_path):
    path = tmp_path / "way.json"
    path.write_text(json.dumps({"version": 1, "keyframes": [*KEYS, {**KEYS[0], "time": 3}]}))
    keyframes = read_keyframes(path)
    way = way_of(Motion("way.json", None, 3, 2, "linear", keyframes), *FRAME)
    assert len(way.poses) == 6 and way.remarks == ()
    at_two = way.poses[4]
    assert (at_two.x, at_two.y, at_two.zoom, at_two.focus) == pytest.approx((0.8, -0.4, 1.5, 0.25))
    assert way.poses[2].x == pytest.approx(0.4) and way.poses[2].focus == pytest.approx(0.375)
    assert way.poses[5].x == pytest.approx(0.4)


def test_a_way_that_does_not_close_is_said():
    open_end = (Keyframe(0, 0, 0, 1), Keyframe(1, 2, 0, 1))
    (remark,) = way_of(Motion("open", None, 1, 4, "sine", open_end), *FRAME).remarks
    assert "jumps when it repeats" in remark


@pytest.mark.parametrize("missing", ["time", "x", "y", "zoom"])
def test_a_missing_key_is_named(tmp_path, missing):
    path = tmp_path / "way.json"
    second = {k: v for k, v in KEYS[1].items() if k != missing}
    path.write_text(json.dumps({"version": 1, "keyframes": [KEYS[0], second]}))
    with pytest.raises(InputError, match=f"way.json: keyframe 1 has no '{missing}'"):
        read_keyframes(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "is no JSON"),
        ("[]", "no camera motion"),
        ("[" * 100000, "no JSON"),
        ('{"version": 2, "keyframes": []}', "no camera motion"),
        ('{"version": 1}', "'keyframes' must be a list of 2"),
        ('{"version": 1, "keyframes": [1, 2]}', "keyframe 0 must be an object"),
        (json.dumps({"version": 1, "keyframes": [{**KEYS[0], "speed": 1}, KEYS[1]]}), "unknown key 'speed'"),
        (json.dumps({"version": 1, "keyframes": [{**KEYS[0], "zoom": 0.5}, KEYS[1]]}), "'zoom' must be"),
        (json.dumps({"version": 1, "keyframes": [{**KEYS[0], "x": float("nan")}, KEYS[1]]}), "'x' must be"),
        (json.dumps({"version": 1, "keyframes": [{**KEYS[0], "x": True}, KEYS[1]]}), "'x' must be"),
        (json.dumps({"version": 1, "keyframes": [{**KEYS[0], "time": 1}, KEYS[1]]}), "'time' must be 0"),
        (json.dumps({"version": 1, "keyframes": [KEYS[0], KEYS[0]]}), "'time' must be above 0"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path, text, words):
    path = tmp_path / "way.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"way\.json") as caught:
        read_keyframes(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_huge(tmp_path):
    with pytest.raises(InputError, match="cannot read the motion"):
        read_keyframes(tmp_path / "none.json")
    (tmp_path / "huge.json").write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(InputError, match="bytes long"):
        read_keyframes(tmp_path / "huge.json")


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"name": "spiral"}, "unknown motion 'spiral'"),
        ({"easing": "bouncy"}, "unknown easing 'bouncy'"),
        ({"amplitude": 0}, "amplitude"),
        ({"amplitude": float("nan")}, "amplitude"),
        ({"fps": 0}, "frames a second"),
        ({"fps": 61}, "frames a second"),
        ({"seconds": 0.01}, "loop must last"),
        ({"seconds": 61}, "loop must last"),
        ({"seconds": float("nan")}, "loop must last"),
    ],
)
def test_bad_choices_are_refused(choices, words):
    with pytest.raises(InputError, match=words):
        Motion(**choices)
