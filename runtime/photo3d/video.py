"""Views without holes, and what is made of many of them: looping videos and wiggle pictures."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from math import hypot
from pathlib import Path

import numpy as np

from ...reference.errors import InputError
from ...reference.ldi import LDI
from ...reference.progress import track
from ...reference.render import Camera, render
from ...reference.render.renderer import HOLE
from .encoders import GIF_FPS, Encoder, Gif, Mp4, WebP
from .fill import fill_holes
from .motion import REACH, Pose

# Pixels of the long side: full HD in either orientation, less what phones need no more of.
LONG_SIDE = 1080
# Never enlarged by more than this to hide the frame's own borders (panoramas); the rest is filled.
LARGEST_ZOOM = 1.25
FILES = {"mp4": "video.mp4", "gif": "video.gif", "webp": "video.webp", "wiggle": "wiggle.gif"}
"""Kinds of video by name, and the file of each."""
# A wiggle picture goes left, middle, right, middle, and stays this long at each, in seconds.
WIGGLE = (-1.0, 0.0, 1.0, 0.0)
WIGGLE_STAY = Fraction(12, 100)
# Frames that the palette of a GIF is made from.
SAMPLES = 6


def check_kinds(kinds: Iterable[str]) -> None:
    """Raise for a kind of video that is not known.

    Raises:
        InputError: with those that are.
    """
    for kind in kinds:
        if kind not in FILES:
            raise InputError(f"unknown kind of video {kind!r}; known: {', '.join(FILES)}")


def border_zoom(ldi: LDI, reach: float, parallax: float, focus: float = 0.5) -> float:
    """Return the zoom about the middle that keeps the borders of layer 0 outside of every view.

    A border pixel moves inwards by at most reach · P · |disparity − focus|, see `Camera`.
    """
    height, width = ldi.size
    plane = ldi.disparity[0, 0]
    borders = (plane[0], plane[-1], plane[:, 0], plane[:, -1])
    farthest = max(float(np.abs(border - focus).max()) for border in borders)
    inwards = reach * parallax * max(height, width) * farthest
    return min(1.0 / max(1.0 - 2.0 * inwards / min(height, width), 1e-3), LARGEST_ZOOM)


def picture(ldi: LDI, camera: Camera) -> np.ndarray:
    """Render a view without holes: (H, W, 3) uint8."""
    view = render(ldi, camera)
    laid = view.rgb * np.maximum(view.coverage, HOLE)[..., None]
    return _filled(laid, view.coverage)


def posed_picture(ldi: LDI, pose: Pose, least_zoom: float, parallax: float) -> np.ndarray:
    """Render the view of a pose without holes: (H, W, 3) uint8.

    Args:
        ldi: the layers.
        pose: with a focus of its own; x and y count where it does not go forwards or back.
        least_zoom: what its zoom is multiplied by, to hide the borders.
        parallax: of the layers.
    """
    focus = 0.5 if pose.focus is None else pose.focus
    zoom = pose.zoom * least_zoom
    if not pose.dolly:
        return picture(ldi, Camera(pose.x, pose.y, zoom, focus, parallax))
    from .dolly import dolly_view  # loading the compiler takes a second

    height, width = ldi.size
    growth = pose.dolly * parallax * max(height, width) / (hypot(height, width) / 2)
    return _filled(*dolly_view(ldi, growth, zoom, focus))


def least_zoom(ldi: LDI, poses: Sequence[Pose], parallax: float) -> float:
    """Return the least zoom by which no pose shows what lies beyond the photo's border."""
    # Forwards everything leaves the frame, if the focus is behind all of it.
    inwards = [pose for pose in poses if pose.reach > 0 and not (pose.dolly > 0 and pose.focus == 0)]
    reach = max((pose.reach for pose in inwards), default=0.0)
    focuses = {0.5 if pose.focus is None else pose.focus for pose in inwards}
    extremes = {min(focuses), max(focuses)} if focuses else set()
    return max((border_zoom(ldi, reach, parallax, focus) for focus in extremes), default=1.0)


def posed_pictures(ldi: LDI, poses: Sequence[Pose], parallax: float) -> Iterator[np.ndarray]:
    """Yield the pictures of poses in order, rendered by all processors, a few ahead of the reader."""
    zoom = least_zoom(ldi, poses, parallax)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(poses), 2 * workers):
            yield from pool.map(
                lambda pose: posed_picture(ldi, pose, zoom, parallax), poses[first : first + 2 * workers]
            )


def write_videos(
    folder: Path, ldi: LDI, parallax: float, poses: Sequence[Pose], fps: int, kinds: Iterable[str]
) -> None:
    """Write videos of one motion, which are rendered once; no metadata of the photo is in them.

    Args:
        folder: that exists; see `FILES` for what is written.
        ldi: both sides even (4:2:0 chroma), about the size the video shall have.
        parallax: `LayeringConfig.max_parallax` of the layers.
        poses: one a frame.
        fps: frames a second.
        kinds: keys of `FILES`; `wiggle` is none of the motion and left out here.
    """
    chosen = [kind for kind in dict.fromkeys(kinds) if kind != "wiggle"]
    if not chosen:
        return
    rate = Fraction(fps)
    times = [Fraction(index) / rate for index in range(len(poses) + 1)]
    skip = -(-fps // GIF_FPS)
    encoders: list[tuple[Encoder, int]] = []
    with ExitStack() as stack:
        for kind in chosen:
            if kind == "gif":
                zoom = least_zoom(ldi, poses, parallax)
                some = poses[:: -(-len(poses) // SAMPLES)]
                samples = [posed_picture(ldi, pose, zoom, parallax) for pose in some]
                kept = times[: len(poses) : skip] + times[-1:]
                encoder: Encoder = Gif(folder / FILES[kind], ldi.size, kept, samples)
            else:
                encoder = (Mp4 if kind == "mp4" else WebP)(folder / FILES[kind], ldi.size, times, rate)
            encoders.append((stack.enter_context(encoder), skip if kind == "gif" else 1))
        frames = posed_pictures(ldi, poses, parallax)
        for index, rgb in enumerate(track(frames, "rendering the video", total=len(poses))):
            for encoder, every in encoders:
                if index % every == 0:
                    encoder.add(rgb)


def write_wiggle(path: Path, ldi: LDI, parallax: float, reach: float = REACH) -> None:
    """Write a GIF of three views, left, middle, right and back.

    Args:
        path: of the .gif.
        ldi: both sides even.
        parallax: of the layers.
        reach: how far to the sides, in units of the largest parallax.
    """
    poses = [Pose(x=x * reach) for x in WIGGLE]
    views = dict(zip(WIGGLE, posed_pictures(ldi, poses, parallax), strict=True))
    times = [WIGGLE_STAY * index for index in range(len(poses) + 1)]
    with Gif(path, ldi.size, times, list(views.values())) as gif:
        for x in WIGGLE:
            gif.add(views[x])


def _filled(laid: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Fill the holes of colour × coverage (H, W, 3) and round it to uint8."""
    return np.rint(np.clip(fill_holes(laid, coverage), 0.0, 1.0) * 255).astype(np.uint8)
