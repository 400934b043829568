"""Where the layers of a 3D photo come from: the float reference, a bundle, or depth that is given."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.config import LayeringConfig, PipelineConfig
from ...reference.errors import InputError
from ...reference.fullres import full_resolution
from ...reference.layering.one_layer import hold_on_one_layer
from ...reference.ldi import LDI
from ...reference.photo.depth_map import fit_disparity, load_depth_map
from ...reference.photo.embedded import EmbeddedDepth
from ...reference.photo.mask import fit_mask
from ...reference.sizes import MULTIPLE, ProgramSize, choose_size
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
        warnings: remarks on the depth, one line each.
    """

    ldi: LDI
    disparity: np.ndarray
    layering: LayeringConfig
    detail: np.ndarray | None
    made_by: str
    simulated: bool = False
    warnings: tuple[str, ...] = ()


def from_reference(
    photo: np.ndarray, config: PipelineConfig, size: ProgramSize | None, mask: np.ndarray | None = None
) -> Source:
    """Run the float pipeline on a photo (H, W, 3) uint8.

    Args:
        photo: the photo.
        config: the pipeline.
        size: at which it runs; None chooses it from the photo.
        mask: (H, W) bool, what stays on one layer: see `hold_on_one_layer`.

    Raises:
        InputError: a network is unknown or its weights do not fit, or the mask cannot be used.
    """
    import torch

    from ...reference.photo.resize import to_program
    from ...reference.pipeline import Reference, as_ldi

    reference = Reference(config, size)
    made_by = f"the float reference ({config.name})"
    if mask is None:
        ldi = reference(photo)
        return Source(ldi, ldi.disparity[0, 0], config.layering, None, made_by)
    chosen = size or choose_size(*photo.shape[:2])
    program = reference.program(chosen)
    with torch.inference_mode():
        tensor = torch.from_numpy(to_program(photo, chosen.height, chosen.width))
        disparity = program.depth(tensor)
        held = _held(disparity[0, 0].numpy(), mask, program.layering.layering.slope)
        ldi = as_ldi(program.layer(tensor, torch.from_numpy(held)[None, None]))
    return Source(ldi, disparity[0, 0].numpy(), config.layering, None, f"{made_by}, your mask")


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


def from_depth_map(
    photo: np.ndarray,
    path: Path,
    config: PipelineConfig,
    size: ProgramSize | None,
    kind: str = "disparity",
    mask: np.ndarray | None = None,
) -> Source:
    """Layer a photo (H, W, 3) uint8 by the user's own depth, at the photo's own size up to `LONGEST`.

    Args:
        photo: the photo.
        path: see `load_depth_map`.
        config: its inpainting and layering are used, its depth network is not.
        size: fixes the size at which it is layered.
        kind: of the map's numbers, see `load_depth_map`.
        mask: see `from_reference`.

    Raises:
        InputError: the map or mask cannot be used.
    """
    height, width = photo.shape[:2]
    own = load_depth_map(path, height, width, kind)
    notes = []
    if own.shape[0] > height and own.shape[1] > width:
        notes.append(
            f"the depth map {path.name} is larger than the photo ({own.shape[1]}×{own.shape[0]} pixels, not "
            f"{width}×{height}) and was averaged down"
        )
    if own.min() == own.max():
        notes.append(f"the depth map {path.name} is the same everywhere: is it the right file?")
    source = layered_by(photo, own, config, size, mask)
    return replace(source, made_by=f"your depth map {path.name} and {source.made_by}", warnings=tuple(notes))


def from_embedded(
    photo: np.ndarray,
    depth: EmbeddedDepth,
    config: PipelineConfig,
    size: ProgramSize | None,
    mask: np.ndarray | None = None,
) -> Source:
    """Layer a photo (H, W, 3) uint8 by the depth that it carries, as by a depth map of the user's.

    Args:
        photo: the photo.
        depth: what `find_embedded_depth` found; its disparity is stretched to [0, 1].
        config: see `from_depth_map`, as for the rest.
        size: of the layering.
        mask: see `from_reference`.

    Raises:
        InputError: the mask cannot be used.
    """
    low, high = float(depth.disparity.min()), float(depth.disparity.max())
    source = layered_by(photo, (depth.disparity - low) / np.float32(high - low), config, size, mask)
    return replace(source, made_by=f"the depth in the photo ({depth.source}) and {source.made_by}")


def layered_by(
    photo: np.ndarray,
    own: np.ndarray,
    config: PipelineConfig,
    size: ProgramSize | None,
    mask: np.ndarray | None,
) -> Source:
    """Layer a photo (H, W, 3) uint8 by a disparity of whatever size, at the photo's own up to `LONGEST`.

    Args:
        photo: the photo.
        own: (h, w) float32 in [0, 1].
        config: its inpainting and layering are used.
        size: fixes the size at which it is layered.
        mask: see `from_reference`.
    """
    import torch

    from ...reference.photo.resize import to_program
    from ...reference.pipeline import Reference, as_ldi

    height, width = photo.shape[:2]
    given = fit_disparity(own, height, width)
    share = min(1.0, LONGEST / max(height, width))
    inner = (size.height, size.width) if size else (round(height * share), round(width * share))
    inner = (max(inner[0], 1), max(inner[1], 1))
    if max(own.shape) < FINE * max(inner):
        disparity = fitted(photo, own, inner, config.layering)
    else:
        # Picked, not averaged: the mean of two surfaces is on neither.
        picked = Image.fromarray(given).resize(inner[::-1], Image.Resampling.NEAREST)
        disparity = np.asarray(picked)
    padding = ((0, -inner[0] % MULTIPLE), (0, -inner[1] % MULTIPLE))
    padded = ProgramSize(max(inner[0] + padding[0][1], 64), max(inner[1] + padding[1][1], 64))
    padding = ((0, padded.height - inner[0]), (0, padded.width - inner[1]))
    program = Reference(config, padded).program(padded)
    detail = given if max(own.shape) >= FINE * max(height, width) else None
    if mask is not None:
        disparity = _held(disparity, mask, program.layering.layering.slope)
        if detail is not None:
            detail = _held(detail, mask, 0.5 / (config.layering.max_parallax * max(height, width)))
    color = np.pad(to_program(photo, *inner), ((0, 0), (0, 0), *padding), mode="edge")
    plane = np.pad(disparity, padding, mode="edge")
    with torch.inference_mode():
        layers = as_ldi(program.layer(torch.from_numpy(color), torch.from_numpy(plane)[None, None]))
    crop = (..., slice(inner[0]), slice(inner[1]))
    ldi = LDI(*(np.ascontiguousarray(p[crop]) for p in (layers.color, layers.disparity, layers.occupancy)))
    made_by = "the float reference" + ("" if mask is None else ", your mask")
    return Source(ldi, given, config.layering, detail, made_by)


def _held(disparity: np.ndarray, mask: np.ndarray, slope: float) -> np.ndarray:
    """Hold what a mask of the photo's size marks on one layer."""
    return hold_on_one_layer(disparity, fit_mask(mask, *disparity.shape), slope)


def fitted(
    photo: np.ndarray, own: np.ndarray, inner: tuple[int, int], layering: LayeringConfig
) -> np.ndarray:
    """Bring a coarse disparity (h, w) in [0, 1] to (height, width) `inner`, edges fitted to the photo's."""
    share = max(own.shape) / max(inner)
    height, width = max(round(inner[0] * share), 8), max(round(inner[1] * share), 8)
    coarse = fit_disparity(own, height, width)[None, None]
    single = LDI(np.zeros((1, 3, height, width), np.float32), coarse, np.ones_like(coarse))
    small = np.asarray(Image.fromarray(photo).resize(inner[::-1], Image.Resampling.BOX))
    return next(full_resolution(small, single, layering)).disparity
