"""Where the layers of a 3D photo come from: the float reference, a bundle, or the user's own depth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.config import LayeringConfig, PipelineConfig
from ...reference.errors import InputError
from ...reference.fullres import full_resolution
from ...reference.ldi import LDI
from ...reference.photo.depth_map import read_depth_map
from ...reference.sizes import MULTIPLE, ProgramSize
from ..backends.protocol import BACKEND_OF_FORMAT
from ..bundle import open_bundle

# With the user's depth no network fixes the size: the layering runs at the photo's own up to this long side.
LONGEST = 1024
# A depth map whose side is below this share of a size is coarser than that size: fitted to edges first.
FINE = 0.75


@dataclass(frozen=True)
class Source:
    """An LDI of a photo, before full resolution.

    Attributes:
        ldi: at the size it was made at.
        disparity: (h, w) float32 in [0, 1], as the network or the user gave it, before any sharpening.
        layering: the settings that the layers were made with.
        detail: (H, W) float32 of the photo's own size, if disparity is known there; else None.
        made_by: what made the layers, in words.
        simulated: not by the runtime that a phone would use but by our model of it.
    """

    ldi: LDI
    disparity: np.ndarray
    layering: LayeringConfig
    detail: np.ndarray | None
    made_by: str
    simulated: bool = False


def from_reference(photo: np.ndarray, config: PipelineConfig, size: ProgramSize | None) -> Source:
    """Run the float pipeline on a photo (H, W, 3) uint8."""
    from ...reference.pipeline import Reference

    ldi = Reference(config, size)(photo)
    return Source(ldi, ldi.disparity[0, 0], config.layering, None, f"the float reference ({config.name})")


def from_bundle(
    photo: np.ndarray, folder: Path, backend: str | None, precision: str | None, size: ProgramSize | None
) -> Source:
    """Run a bundle's program on a photo (H, W, 3) uint8.

    Args:
        photo: the photo.
        folder: of the bundle.
        backend: None takes that of the first format the bundle holds.
        precision: None takes fp32, or the first the bundle holds in that format.
        size: None takes the one that suits the photo.

    Raises:
        InputError: see `Bundle.runner`.
        MissingExtraError, BackendUnavailableError: the backend is not here.
    """
    bundle = open_bundle(folder)
    held = [(f.format, f.precision) for f in bundle.files()]
    formats = {backend: name for name, backend in BACKEND_OF_FORMAT.items()} | {"torch": "torch"}
    if backend is None:
        if not held:
            raise InputError(f"{folder} holds no program: build it again")
        kind = held[0][0]
    elif backend in formats:
        kind = formats[backend]
    else:
        raise InputError(f"unknown backend {backend!r}; known: {', '.join(sorted(formats))}")
    if precision is None:
        made = [p for f, p in held if f == kind]
        precision = "fp32" if "fp32" in made or not made else made[0]
    runner = bundle.runner(kind, precision, None if size is None else str(size), backend)
    ldi = runner(photo)
    simulated = runner.load(runner.entry_for(photo).size).simulated
    made_by = f"the bundle's {kind} {precision} file, run by {runner.backend}"
    if kind == "torch":
        made_by = f"the bundle's float reference ({bundle.manifest.pipeline.name})"
    return Source(
        ldi, ldi.disparity[0, 0], bundle.manifest.pipeline.layering, None, made_by, simulated=simulated
    )


def from_depth_map(photo: np.ndarray, path: Path, config: PipelineConfig, size: ProgramSize | None) -> Source:
    """Layer a photo (H, W, 3) uint8 by the user's own depth, at the photo's own size up to `LONGEST`.

    Args:
        photo: the photo.
        path: see `read_depth_map`.
        config: its inpainting and layering are used, its depth network is not.
        size: fixes the size at which it is layered.

    Raises:
        InputError: the map cannot be used.
    """
    import torch

    from ...reference.photo.resize import to_program
    from ...reference.pipeline import Reference, as_ldi

    height, width = photo.shape[:2]
    given = read_depth_map(path, height, width)
    share = min(1.0, LONGEST / max(height, width))
    inner = (size.height, size.width) if size else (round(height * share), round(width * share))
    inner = (max(inner[0], 1), max(inner[1], 1))
    own = _long_side(path)
    if own < FINE * max(inner):
        disparity = _fitted(photo, path, own, inner, config.layering)
    else:
        # Picked, not averaged: the mean of two surfaces is on neither.
        picked = Image.fromarray(given).resize(inner[::-1], Image.Resampling.NEAREST)
        disparity = np.asarray(picked)
    padding = ((0, -inner[0] % MULTIPLE), (0, -inner[1] % MULTIPLE))
    padded = ProgramSize(max(inner[0] + padding[0][1], 64), max(inner[1] + padding[1][1], 64))
    padding = ((0, padded.height - inner[0]), (0, padded.width - inner[1]))
    color = np.pad(to_program(photo, *inner), ((0, 0), (0, 0), *padding), mode="edge")
    plane = np.pad(disparity, padding, mode="edge")
    program = Reference(config, padded).program(padded)
    with torch.inference_mode():
        layers = as_ldi(program.layer(torch.from_numpy(color), torch.from_numpy(plane)[None, None]))
    crop = (..., slice(inner[0]), slice(inner[1]))
    ldi = LDI(*(np.ascontiguousarray(p[crop]) for p in (layers.color, layers.disparity, layers.occupancy)))
    detail = given if own >= FINE * max(height, width) else None
    return Source(ldi, given, config.layering, detail, f"your depth map {path.name} and the float reference")


def _long_side(path: Path) -> int:
    """Return the long side of a depth map that `read_depth_map` has accepted."""
    try:
        with Image.open(path) as image:
            return max(image.size)
    except OSError:
        return int(max(np.lib.format.open_memmap(path, mode="r").shape))


def _fitted(
    photo: np.ndarray, path: Path, own: int, inner: tuple[int, int], layering: LayeringConfig
) -> np.ndarray:
    """Bring a coarse depth map to (height, width) `inner`, its edges fitted to the photo's."""
    share = own / max(inner)
    height, width = max(round(inner[0] * share), 8), max(round(inner[1] * share), 8)
    coarse = read_depth_map(path, height, width)[None, None]
    single = LDI(np.zeros((1, 3, height, width), np.float32), coarse, np.ones_like(coarse))
    small = np.asarray(Image.fromarray(photo).resize(inner[::-1], Image.Resampling.BOX))
    return next(full_resolution(small, single, layering)).disparity
