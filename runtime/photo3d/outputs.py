"""What is made of a 3D photo's layers: pictures, videos, pages and files for other programs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.errors import InputError
from ...reference.ldi import LDI
from ...reference.ldi_files import read_ldi
from ..files3d import Pinhole, choose, write_files
from ..viewer.page import MAX_SIDE, write_viewer
from .motion import REACH, Motion, Pose, way_of
from .pictures import preview
from .refocus import Refocus, focus_at, refocused
from .video import FILES, LONG_SIDE, check_kinds, write_videos, write_wiggle


@dataclass(frozen=True)
class Outputs:
    """What shall be made beside the layers, their depth, the preview and the viewer.

    Attributes:
        motion: of the camera in videos.
        videos: kinds of video, see `video.FILES`.
        refocus: of a still with a shallow depth of field; None for no still.
        files: names of formats for other programs, see `files3d.FORMATS`; `all` stands for every one.
        compare: what to compare with in `compare.html`, see `compare.parse_other`; None for nothing.
    """

    motion: Motion = field(default_factory=Motion)
    videos: tuple[str, ...] = ("mp4",)
    refocus: Refocus | None = None
    files: tuple[str, ...] = ()
    compare: str | None = None

    def check(self) -> None:
        """Raise for what can be known before long work.

        Raises:
            InputError: a kind or format is unknown.
            MissingExtraError: a format needs a library that is not installed.
        """
        check_kinds(self.videos)
        if self.files:
            choose(self.files)


@dataclass(frozen=True)
class Scene:
    """The layers that outputs are made of.

    Attributes:
        photo: (H, W, 3) uint8, or None to take layer 0.
        layers_at: gives the LDI with at most a long side, both sides even.
        parallax: of the layers.
        name: of the photo, without suffix.
        path: of the photo's file, for formats that hold it; None if there is none.
    """

    photo: np.ndarray | None
    layers_at: Callable[[int], LDI]
    parallax: float
    name: str
    path: Path | None


def write_outputs(folder: Path, scene: Scene, outputs: Outputs) -> list[str]:
    """Write preview, viewer and what else is asked for into a folder that has `ldi/`.

    Args:
        folder: the 3D photo (which the caller makes atomic).
        scene: its layers.
        outputs: what to make.

    Returns:
        Remarks on what was not done as asked.

    Raises:
        InputError: layers or choices do not allow an output.
        MissingExtraError: a format needs a library that is not installed.
    """
    small = scene.layers_at(LONG_SIDE)
    parallax = scene.parallax
    preview(small, parallax).save(folder / "preview.jpg", quality=90)
    way = way_of(outputs.motion, *small.size, parallax)
    subject = focus_at(small, 0.5, 0.5)
    poses = [pose if pose.focus is not None else _focused(pose, subject) for pose in way.poses]
    write_videos(folder, small, parallax, poses, outputs.motion.fps, outputs.videos)
    if "wiggle" in outputs.videos:
        reach = max(pose.reach for pose in poses) if outputs.motion.amplitude else REACH
        write_wiggle(folder / FILES["wiggle"], small, parallax, reach)
    if outputs.files:
        _write_files(folder, scene, small, outputs.files)
    del small
    large = scene.layers_at(MAX_SIDE)
    write_viewer(folder / "viewer.html", large, parallax=parallax, title=scene.name)
    if outputs.refocus is not None:
        photo = scene.photo if scene.photo is not None else _photo_of(folder)
        still = refocused(photo, large, outputs.refocus)
        Image.fromarray(still).save(folder / "refocused.jpg", quality=95, subsampling=0)
    return list(way.remarks)


def _focused(pose: Pose, focus: float) -> Pose:
    return Pose(pose.x, pose.y, pose.zoom, focus, pose.dolly)


def _photo_of(folder: Path) -> np.ndarray:
    """Return layer 0 of the layers on disk, (H, W, 3) uint8."""
    return np.rint(read_ldi(folder / "ldi").color[0].transpose(1, 2, 0) * 255).astype(np.uint8)


def _write_files(folder: Path, scene: Scene, small: LDI, names: tuple[str, ...]) -> None:
    """Write files for other programs: those to be painted on at full size, the others from `small`."""
    target = folder / "files"
    formats = choose(names)
    painted = [f for f in formats if f.name == "ora"]
    others = [f for f in formats if f.name != "ora"]
    shared = {"pinhole": Pinhole(), "parallax": scene.parallax, "photo": scene.path}
    if scene.path is not None and not scene.path.is_file():
        raise InputError(f"no such photo: {scene.path}")
    target.mkdir()
    write_files(target, scene.name, small, others, **shared)  # type: ignore[arg-type]
    if painted:
        write_files(target, scene.name, read_ldi(folder / "ldi"), painted)
