"""A contact sheet: each photo, its disparity, its hidden layers and three views, a row a photo.

    python benchmarks/contact_sheet.py -o sheet.jpg                  # the bundled photos
    python benchmarks/contact_sheet.py -o sheet.jpg --photos DIR     # all photos of a folder
    python benchmarks/contact_sheet.py -o sheet.jpg --depth tiefenrausch

Disparity is white where near. Hidden layers are shown where they are occupied, the rest is grey. The views
are from the left, the right and above, at the full reach of the layers; what nothing covers is magenta.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ldikit.calibration.sources import bundled_photos, folder_photos
from ldikit.reference.config import PipelineConfig
from ldikit.reference.errors import LdikitError
from ldikit.reference.files import atomic_file, check_new
from ldikit.reference.ldi import LDI
from ldikit.reference.photo.decode import read_photo
from ldikit.reference.pipeline import Reference
from ldikit.reference.progress import track
from ldikit.reference.render import Camera, render
from PIL import Image, ImageDraw

CAMERAS = {"left": Camera(x=-1.0), "right": Camera(x=1.0), "above": Camera(y=-1.0)}
GREY, HOLE = 0.35, (1.0, 0.0, 1.0)
GAP, TITLE = 4, 18


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture, .jpg or .png")
    parser.add_argument("--photos", type=Path, help="folder of photos; default: the bundled ones")
    parser.add_argument("--depth", default="pocket")
    parser.add_argument("--inpaint", default="pocket")
    parser.add_argument("--cell", type=int, default=192, help="longest side of a picture (default 192)")
    parser.add_argument("--overwrite", action="store_true")
    return parser.parse_args(arguments)


def pictures(ldi: LDI) -> dict[str, np.ndarray]:
    """Return what a row shows, by title: (H, W, 3) in [0, 1]."""
    shown = {"photo": ldi.color[0], "disparity": np.repeat(ldi.disparity[0], 3, axis=0)}
    for index in range(1, len(ldi.color)):
        occupied = ldi.occupancy[index]
        shown[f"hidden {index}"] = ldi.color[index] * occupied + GREY * (1 - occupied)
    row = {name: np.moveaxis(plane, 0, -1) for name, plane in shown.items()}
    for name, camera in CAMERAS.items():
        view = render(ldi, camera)
        row[name] = np.where(view.holes[..., None], np.float32(HOLE), view.rgb)
    return row


def sheet(rows: Sequence[dict[str, np.ndarray]], cell: int) -> Image.Image:
    """Return the rows one below the other, each picture at most `cell` high and wide, under its title."""
    columns = list(rows[0])
    width = len(columns) * (cell + GAP) + GAP
    heights = [round(cell * min(1.0, p.shape[0] / p.shape[1])) for p in (row["photo"] for row in rows)]
    page = Image.new("RGB", (width, TITLE + sum(h + GAP for h in heights)), "white")
    draw = ImageDraw.Draw(page)
    top = TITLE
    for index, name in enumerate(columns):
        draw.text((GAP + index * (cell + GAP), 3), name, fill="black")
    for row, height in zip(rows, heights, strict=True):
        for index, picture in enumerate(row.values()):
            small = Image.fromarray(np.round(255 * picture.clip(0, 1)).astype(np.uint8))
            small.thumbnail((cell, height), Image.Resampling.LANCZOS)
            page.paste(small, (GAP + index * (cell + GAP), top))
        top += height + GAP
    return page


def main(arguments: list[str] | None = None) -> int:
    """Make the sheet; return the exit code."""
    options = parse(arguments)
    try:
        check_new(options.output, options.overwrite)
        photos = bundled_photos() if options.photos is None else folder_photos(options.photos)
        reference = Reference(PipelineConfig(depth=options.depth, inpaint=options.inpaint))
        rows = [pictures(reference(read_photo(path).pixels)) for path in track(photos, "photos")]
        page = sheet(rows, options.cell)
        with atomic_file(options.output, options.overwrite) as file:
            page.save(file, "PNG" if options.output.suffix == ".png" else "JPEG", quality=88)
    except LdikitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
