"""Golden vectors: a photo, its exact input tensors and what the reference makes of them (DESIGN §4).

They are the unit test of the app that uses the bundle, and what the substitutions are measured on.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..calibration.sources import bundled_photos
from ..reference.ldi_files import fill_folder
from ..reference.photo.decode import read_photo
from ..reference.photo.resize import to_program
from ..reference.pipeline import as_ldi
from ..reference.program import PhotoToLDI
from ..reference.sizes import ProgramSize
from .stages import stage_planes

Planes = dict[str, np.ndarray]


def golden_photo(size: ProgramSize) -> tuple[str, np.ndarray]:
    """Return the first bundled photo of a program's orientation, at the program's size.

    Returns:
        The photo's file name, and its pixels (H, W, 3) uint8 RGB.
    """
    tall = size.height > size.width
    for path in bundled_photos():
        pixels = read_photo(path).pixels
        if (pixels.shape[0] > pixels.shape[1]) == tall:
            planes = to_program(pixels, size.height, size.width)[0]
            return path.name, np.rint(planes.transpose(1, 2, 0) * 255).astype(np.uint8)
    raise AssertionError("the bundled photos cover both orientations")


def folder_name(size: ProgramSize) -> str:
    """Return where the golden vectors of a size lie in a bundle."""
    return f"golden/{size}"


def write_golden(
    bundle: Path, program: PhotoToLDI, size: ProgramSize, stages: Sequence[str] = ("program",)
) -> list[str]:
    """Write the golden vectors of one size.

    `photo.png` holds the program's own pixels; `STAGE.npz` every input and output of a stage, float32 in the
    program's own layout (N L C H W); `ldi/` the LDI as the reference writes it.

    Args:
        bundle: the bundle's folder.
        program: the reference.
        size: that it was built for.
        stages: which stages to write besides the whole program.

    Returns:
        The files, relative to `bundle`, the photo first.
    """
    folder = bundle / folder_name(size)
    (folder / "ldi").mkdir(parents=True)
    _, pixels = golden_photo(size)
    Image.fromarray(pixels).save(folder / "photo.png")
    tensors = stage_tensors(program, to_program(pixels, size.height, size.width))
    names = ["program", *(stage for stage in stages if stage != "program")]
    for stage in names:
        np.savez_compressed(folder / f"{stage}.npz", **tensors[stage])  # type: ignore[arg-type]
    outputs = [torch.from_numpy(tensors["program"][name]) for name in ("color", "disparity", "occupancy")]
    fill_folder(folder / "ldi", as_ldi(tuple(outputs)))
    files = [folder / "photo.png", *(folder / f"{stage}.npz" for stage in names)]
    files += sorted((folder / "ldi").iterdir())
    return [path.relative_to(bundle).as_posix() for path in files]


def stage_tensors(program: PhotoToLDI, photo: np.ndarray) -> dict[str, Planes]:
    """Run every stage of the reference on one photo (1, 3, H, W), each on what the one before it gave.

    Returns:
        By stage, its inputs and outputs by name; layering and inpainting those of the first hidden layer.
    """
    with torch.inference_mode():
        pixels = torch.from_numpy(photo)
        disparity = program.depth(pixels)
        layering = program.layering(disparity)
        inpainting = program.inpainting(pixels, disparity, *layering[:-1])
        runs = {
            "program": ((pixels,), program(pixels)),
            "depth": ((pixels,), (disparity,)),
            "layering": ((disparity,), layering),
            "inpainting": ((pixels, disparity, *layering[:-1]), inpainting),
        }
    tensors = {}
    for stage, (given, result) in runs.items():
        inputs, outputs = stage_planes(stage, program.layers)
        pairs = zip((*inputs, *outputs), (*given, *result), strict=True)
        tensors[stage] = {plane.name: np.ascontiguousarray(value.numpy()) for plane, value in pairs}
    return tensors


def read_stage(bundle: Path, size: ProgramSize, stage: str, layers: int) -> tuple[Planes, Planes]:
    """Read the golden inputs and outputs of a stage that `write_golden` wrote."""
    inputs, outputs = stage_planes(stage, layers)
    with np.load(bundle / folder_name(size) / f"{stage}.npz") as held:
        return {p.name: held[p.name] for p in inputs}, {p.name: held[p.name] for p in outputs}
