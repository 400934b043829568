"""How the camera moves: a loop by a preset's name, or the user's own keyframes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...reference.errors import InputError

# Of the parallax that the layers are made for; a little less than all of it shows no end of a layer.
REACH = 0.9
# How far the zoom of `zoom-in` goes, beside what the forward motion itself enlarges.
CLOSER = 0.2
SECONDS, FPS = 3.0, 30
LONGEST_SECONDS, FASTEST_FPS = 60.0, 60

EASINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda u: u,
    "sine": lambda u: math.sin(math.pi / 2 * u),
    "cubic": lambda u: u * (3 - u * u) / 2,
}
"""How a way from −1 to 1 is gone: odd functions. `sine` and `cubic` slow down towards its ends."""


@dataclass(frozen=True)
class Pose:
    """Where the camera is.

    Attributes:
        x: shift to the right, in units of the largest parallax.
        y: shift downwards, in the same unit.
        zoom: 1 is the least that shows nothing beyond the photo's border.
        focus: disparity that stays in place; None is the subject's.
        dolly: how far forwards: at the frame's corners a unit of disparity moves outwards by this many units
            of the largest parallax.
    """

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0
    focus: float | None = 0.5
    dolly: float = 0.0

    def scaled(self, factor: float) -> "Pose":
        """Return the pose with its way from the middle times `factor`."""
        return Pose(self.x * factor, self.y * factor, self.zoom, self.focus, self.dolly * factor)

    @property
    def reach(self) -> float:
        """How far from the middle, in units of the largest parallax."""
        return max(math.hypot(self.x, self.y), abs(self.dolly))


@dataclass(frozen=True)
class Keyframe:
    """A pose that the camera passes, in the units of the file (see `motion_file`).

    Attributes:
        time: in seconds.
        x: to the right, in percent of the picture's width.
        y: downwards, in percent of the picture's width.
        zoom: see `Pose`.
        focus: see `Pose`.
    """

    time: float
    x: float
    y: float
    zoom: float
    focus: float = 0.5


@dataclass(frozen=True)
class Motion:
    """A camera motion, for a picture of any size.

    Attributes:
        name: a preset of `PRESETS`; with keyframes it only says where they came from.
        amplitude: how far from the middle, in percent of the picture's width: what the nearest possible thing
            moves against the farthest. None is `REACH` of what the layers are made for.
        seconds: of the loop.
        fps: frames a second.
        easing: a name of `EASINGS`; the circle keeps its speed.
        keyframes: instead of a preset; then amplitude and seconds are those of the keyframes.

    Raises:
        InputError: a name is unknown or a number out of range.
    """

    name: str = "circle"
    amplitude: float | None = None
    seconds: float = SECONDS
    fps: int = FPS
    easing: str = "sine"
    keyframes: tuple[Keyframe, ...] = ()

    def __post_init__(self) -> None:
        if not self.keyframes and self.name not in PRESETS:
            raise InputError(
                f"unknown motion {self.name!r}; known: {', '.join(PRESETS)}, or a .json file of keyframes"
            )
        if self.easing not in EASINGS:
            raise InputError(f"unknown easing {self.easing!r}; known: {', '.join(EASINGS)}")
        if self.amplitude is not None and not 0 < self.amplitude <= 100:
            raise InputError(
                f"the amplitude must be above 0 and at most 100 percent of the picture's width, "
                f"got {self.amplitude:g}"
            )
        if not 1 <= self.fps <= FASTEST_FPS:
            raise InputError(f"frames a second must be 1 to {FASTEST_FPS}, got {self.fps}")
        if not 2 / self.fps <= self.seconds <= LONGEST_SECONDS:
            raise InputError(
                f"a loop must last 2 frames to {LONGEST_SECONDS:g} seconds, got {self.seconds:g} seconds "
                f"at {self.fps} frames a second"
            )

    @property
    def frames(self) -> int:
        """How many frames the loop has; the one after the last is the first again."""
        return max(2, round(self.seconds * self.fps))


@dataclass(frozen=True)
class Way:
    """The poses of a motion for one picture.

    Attributes:
        poses: one a frame.
        remarks: what was not done as asked, one line each.
    """

    poses: tuple[Pose, ...]
    remarks: tuple[str, ...] = ()


def way_of(motion: Motion, height: int, width: int, parallax: float) -> Way:
    """Work a motion out for a picture, kept within what its layers are made for.

    Args:
        motion: what was asked for.
        height: of the picture.
        width: of the picture.
        parallax: `LayeringConfig.max_parallax` of its layers.
    """
    full = 100 * parallax * max(height, width) / width
    if motion.keyframes:
        poses = _between(motion, full)
        remarks = []
        if _differ(motion.keyframes[0], motion.keyframes[-1]):
            remarks.append(
                "the motion does not end where it begins, so the video jumps when it repeats: "
                "end the keyframes with the first one's values"
            )
        farthest = max(pose.reach for pose in poses)
        if farthest > 1:
            remarks.append(_limited(farthest * full, full))
            poses = [pose.scaled(1 / farthest) for pose in poses]
        return Way(tuple(poses), tuple(remarks))
    reach = REACH if motion.amplitude is None else motion.amplitude / full
    preset, ease = PRESETS[motion.name], EASINGS[motion.easing]
    ways = [preset(frame / motion.frames, ease) for frame in range(motion.frames)]
    remarks = [] if reach <= 1 else [_limited(reach * full, full)]
    return Way(tuple(pose.scaled(min(reach, 1.0)) for pose in ways), tuple(remarks))


def _limited(asked: float, full: float) -> str:
    return (
        f"an amplitude of {asked:.3g} % of the width is more than the layers are made for: "
        f"limited to {full:.3g} %"
    )


def _differ(a: Keyframe, b: Keyframe) -> bool:
    return (a.x, a.y, a.zoom, a.focus) != (b.x, b.y, b.zoom, b.focus)


def _between(motion: Motion, full: float) -> list[Pose]:
    """Return a pose a frame: eased from each keyframe to the next, x and y in units of `full` percent."""
    return [_at(motion.keyframes, frame / motion.fps, motion.easing, full) for frame in range(motion.frames)]


def _at(keyframes: Sequence[Keyframe], time: float, easing: str, full: float) -> Pose:
    after = next((i for i, k in enumerate(keyframes) if k.time > time), len(keyframes) - 1)
    a, b = keyframes[after - 1], keyframes[after]
    share = min((time - a.time) / (b.time - a.time), 1.0)
    gone = (1 + EASINGS[easing](2 * share - 1)) / 2

    def mix(name: str) -> float:
        return float(getattr(a, name) + gone * (getattr(b, name) - getattr(a, name)))

    return Pose(mix("x") / full, mix("y") / full, mix("zoom"), mix("focus"))


def _swing(phase: float, ease: Callable[[float], float]) -> float:
    """Go from 0 to 1, to −1 and back to 0 while `phase` goes from 0 to 1."""
    return ease(1 - 4 * abs((phase + 0.25) % 1 - 0.5))


def _circle(phase: float, ease: Callable[[float], float]) -> Pose:
    angle = 2 * math.pi * phase
    return Pose(x=math.cos(angle), y=math.sin(angle))


def _pendulum(phase: float, ease: Callable[[float], float]) -> Pose:
    across = _swing(phase, ease)
    return Pose(x=across, y=(1 - across * across) / 4)


def _zoom_in(phase: float, ease: Callable[[float], float]) -> Pose:
    near = (1 + ease(1 - 4 * abs(phase - 0.5))) / 2
    return Pose(zoom=1 + CLOSER * near, focus=0.0, dolly=near)


PRESETS: dict[str, Callable[[float, Callable[[float], float]], Pose]] = {
    "circle": _circle,
    "swing": _pendulum,
    "zoom-in": _zoom_in,
    "dolly-zoom": lambda phase, ease: Pose(focus=None, dolly=_swing(phase, ease)),
    "horizontal": lambda phase, ease: Pose(x=_swing(phase, ease)),
    "vertical": lambda phase, ease: Pose(y=_swing(phase, ease)),
}
"""Loops of reach 1 by name: the share of the loop that is over, and the easing, to a pose."""
