"""Writing full-resolution layers as DESIGN §3 says, one at a time, so that no two colours are in memory."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from ..ldi_files import CODES, FILE_NAME, VERSION
from ..progress import track
from .layers import FullLayer

# zlib's fastest: a 12-megapixel layer takes two seconds instead of ten, and 15 % more bytes.
COMPRESSION = 1


def fill_folder(folder: Path, layers: Iterable[FullLayer], count: int) -> None:
    """Write layers, front to back, into a folder that exists (and that the caller makes atomic).

    `ldi_files.read_ldi` reads them back. Disparity is stored on the fixed range [0, 1], so that codes of all
    layers compare; where a layer is occupied, at least one code lies between it and the layer in front.

    Args:
        folder: that becomes `ldi/`.
        layers: of one size, at least one.
        count: how many there will be, for the progress bar.
    """
    described = []
    height, width = 0, 0
    front: np.ndarray | None = None
    for index, layer in enumerate(track(layers, "writing layers", total=count)):
        height, width = layer.occupancy.shape
        codes = np.rint(layer.disparity * np.float32(CODES)).astype(np.int32)
        if front is not None:
            np.minimum(codes, front - (layer.occupancy > 0), out=codes)
            np.maximum(codes, 0, out=codes)
        front = codes
        names = {"color": f"layer{index}_color.png", "disparity": f"layer{index}_disparity.png"}
        picture = Image.fromarray(layer.color)
        picture.putalpha(Image.fromarray(layer.occupancy))
        picture.save(folder / names["color"], compress_level=COMPRESSION)
        depth = Image.fromarray(codes.astype(np.uint16))
        depth.save(folder / names["disparity"], compress_level=COMPRESSION)
        described.append({**names, "disparity_min": 0.0, "disparity_max": 1.0})
    description = {"version": VERSION, "width": width, "height": height, "layers": described}
    (folder / FILE_NAME).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
