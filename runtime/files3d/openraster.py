"""OpenRaster (.ora): the layers for a painting program (Krita, GIMP, MyPaint).

Format: openraster.org, baseline 0.0.5. The colour layers, whose alpha is the occupancy, can be painted on
and are read back (`retouched`). Their disparities lie behind them as hidden grey pictures, to look at only:
8 bits of them are too coarse to be read back.
"""

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from ...reference.errors import InputError
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .texture import alpha8, rgb8

MIMETYPE = "image/openraster"
_VERSION = "0.0.5"
_THUMBNAIL = 256


def layer_name(layer: int) -> str:
    """Return the name by which a colour layer is found again."""
    return f"layer {layer}"


def write_openraster(path: Path, ldi: LDI, *, overwrite: bool = False) -> None:
    """Write the layers, the photo on top.

    Args:
        path: of the .ora.
        ldi: the layers; colour and occupancy are rounded to 8 bits.
        overwrite: replace what is there.

    Raises:
        InputError: the LDI holds values that are not finite, or the file cannot be written.
    """
    if not all(np.isfinite(plane).all() for plane in (ldi.color, ldi.disparity, ldi.occupancy)):
        raise InputError("cannot write the layers: the LDI holds values that are not finite")
    height, width = ldi.size
    image = ElementTree.Element("image", version=_VERSION, w=str(width), h=str(height))
    stack = ElementTree.SubElement(image, "stack")
    merged = Image.new("RGBA", (width, height))
    with atomic_file(path, overwrite) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(_entry("mimetype"), MIMETYPE)
        for layer in range(ldi.layers):
            file = f"data/layer{layer}.png"
            picture = Image.fromarray(np.dstack([rgb8(ldi, layer), alpha8(ldi, layer)]))
            archive.writestr(_entry(file), _png(picture))
            _describe(stack, layer_name(layer), file, "visible")
            merged = Image.alpha_composite(picture, merged)  # the layers before lie on top
        for layer in range(ldi.layers):
            file = f"data/disparity{layer}.png"
            grey = np.rint(np.clip(ldi.disparity[layer, 0], 0, 1) * 255).astype(np.uint8)
            archive.writestr(_entry(file), _png(Image.fromarray(grey).convert("RGBA")))
            _describe(stack, f"disparity {layer}", file, "hidden")
        archive.writestr(_entry("stack.xml"), ElementTree.tostring(image, "UTF-8", xml_declaration=True))
        archive.writestr(_entry("mergedimage.png"), _png(merged))
        merged.thumbnail((_THUMBNAIL, _THUMBNAIL))
        archive.writestr(_entry("Thumbnails/thumbnail.png"), _png(merged))


def _entry(name: str) -> zipfile.ZipInfo:
    """Describe a file of the archive: stored, since PNG is compressed, and without the time of writing."""
    return zipfile.ZipInfo(name)


def _describe(stack: ElementTree.Element, name: str, file: str, visibility: str) -> None:
    ElementTree.SubElement(
        stack, "layer", name=name, src=file, x="0", y="0", opacity="1.0", visibility=visibility
    ).set("composite-op", "svg:src-over")


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
