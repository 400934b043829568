"""Layers that were painted on, taken in again: the 3D photo made anew from them."""

from pathlib import Path

import numpy as np

from ...reference.files import atomic_folder
from ...reference.ldi_files import fill_folder, read_ldi
from ..files3d.retouched import read_layered
from ..viewer.shrink import shrink
from .compare import compare_folders, parse_other
from .outputs import Outputs, Scene, write_outputs
from .photo import PhotoResult, result_of
from .pictures import write_depth
from .record import FILE_NAME, Record, parallax_of, read_record
from .scaled import even
from .warnings import depth_range, disappointments

# Long side at which warnings are judged: that of the program.
JUDGED_SIDE = 512


def retouch_3d_photo(
    folder: Path | str,
    edited: Path | str,
    destination: Path | str,
    *,
    outputs: Outputs | None = None,
    overwrite: bool = False,
) -> PhotoResult:
    """Make a 3D photo from another one's layers as they were edited in an OpenRaster file.

    Args:
        folder: the 3D photo that the file was written with.
        edited: the .ora file; see `read_layered` for what of it counts.
        destination: folder to make; it may be `folder` itself, with `overwrite`.
        outputs: what is made of the layers; `depth-pair` and the like hold layer 0 as the photo.
        overwrite: replace an existing `destination`.

    Raises:
        InputError: the 3D photo or the file cannot be used, or `destination` exists.
        MissingExtraError: a format needs a library that is not installed.
    """
    folder, edited, destination = Path(folder), Path(edited), Path(destination)
    outputs = outputs or Outputs()
    outputs.check()
    other = None if outputs.compare is None else parse_other(outputs.compare, None).folder
    with atomic_folder(destination, overwrite) as place:
        parallax = parallax_of(folder)
        ldi = read_layered(edited, read_ldi(folder / "ldi"))
        (place / "ldi").mkdir()
        fill_folder(place / "ldi", ldi)
        write_depth(place / "depth.png", ldi.disparity[0, 0])
        photo = np.rint(ldi.color[0].transpose(1, 2, 0) * 255).astype(np.uint8)
        scene = Scene(photo, lambda side: even(shrink(ldi, side)), parallax, edited.stem, None)
        remarks = write_outputs(place, scene, outputs)
        if other is not None:
            mine = (place, destination.resolve().name)
            compare_folders(place / "compare.html", mine, other, parallax)
        judged = shrink(ldi, JUDGED_SIDE)
        record = Record(
            made_by=f"{_maker(folder)}, painted on in {edited.name}",
            simulated=False,
            height=ldi.size[0],
            width=ldi.size[1],
            layers=ldi.layers,
            parallax=parallax,
            depth_range=depth_range(judged),
            warnings=(*disappointments(judged, parallax), *remarks),
        )
        record.write(place)
        return result_of(record, destination, place)


def _maker(folder: Path) -> str:
    """Return what made a 3D photo, in words."""
    return read_record(folder).made_by if (folder / FILE_NAME).exists() else f"the layers of {folder.name}"
