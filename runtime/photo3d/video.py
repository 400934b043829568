"""The parallax video: the camera goes once round a circle, so that the video loops."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...reference.ldi import LDI
from ...reference.progress import track
from ...reference.render import Camera, circle_path, render
from ...reference.render.renderer import HOLE
from .fill import fill_holes

# Pixels of the long side: full HD in either orientation, less what phones need no more of.
LONG_SIDE = 1080
FRAMES, FPS = 90, 30
# Of the parallax that the layers are made for; a little less than all of it shows no end of a layer.
REACH = 0.9
# Never enlarged by more than this to hide the frame's own borders (panoramas); the rest is filled.
LARGEST_ZOOM = 1.25


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
    return np.rint(np.clip(fill_holes(laid, view.coverage), 0.0, 1.0) * 255).astype(np.uint8)


def pictures(ldi: LDI, cameras: Sequence[Camera]) -> Iterator[np.ndarray]:
    """Yield the pictures of cameras in order, rendered by all processors, a few ahead of the reader."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(cameras), 2 * workers):
            yield from pool.map(lambda camera: picture(ldi, camera), cameras[first : first + 2 * workers])


def write_video(path: Path, ldi: LDI, parallax: float, frames: int, fps: int) -> None:
    """Write an H.264 MP4 of the camera on its circle; no metadata of the photo is in it.

    Args:
        path: of the .mp4.
        ldi: both sides even (4:2:0 chroma), about the size the video shall have.
        parallax: `LayeringConfig.max_parallax` of the layers.
        frames: of one round.
        fps: frames a second.
    """
    import av

    height, width = ldi.size
    cameras = circle_path(frames, REACH, border_zoom(ldi, REACH, parallax), parallax)
    with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "18", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for rgb in track(pictures(ldi, cameras), "rendering the video", total=frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
