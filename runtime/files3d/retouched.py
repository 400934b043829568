"""Reading an OpenRaster file back: what was painted on the layers of an LDI becomes part of it."""

import io
import posixpath
import warnings
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from ...reference.errors import InputError
from ...reference.ldi import LDI
from .openraster import MIMETYPE, layer_name
from .texture import alpha8, rgb8

_MAX_XML = 1 << 20
# Of one compressed picture: what 100 megapixels of noise in four channels take.
_MAX_PNG = 1 << 29
# Editors keep what was painted outside of the canvas: up to this many times its pixels.
_BEYOND = 9
_MAX_ENTRIES = 256
_FARTHEST = 1 << 20
# What is painted where a layer lies level with the one in front is put this much behind it.
BEHIND = np.float32(1 / 65535)


def read_layered(path: Path, ldi: LDI) -> LDI:
    """Take edited layers in again.

    Colour and alpha of each layer replace those of the LDI where they were changed; where they were not, its
    own values stay, unrounded, so that a file that nobody edited gives the same LDI. Colour under alpha 0
    stays too, since editors drop it. Disparity stays, but where a hidden layer is painted level with the
    layer in front: there it goes just behind it (or is left out, where there is no room behind).

    Args:
        path: a file by `write_openraster`, edited and saved by any program. The layers are found by name;
            their order, groups, offsets and whether they are shown do not matter.
        ldi: what was written.

    Raises:
        InputError: the file is none of OpenRaster's, damaged, too large, of another size than the LDI, a
            layer is missing or there twice, an unknown one is there, or one has an opacity or blend mode that
            its pixels do not show.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            pictures = _pictures(archive, path, ldi)
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except InputError:
        raise
    except Exception as error:  # zipfile meets damaged bytes with nearly anything
        raise InputError(f"{path} is no OpenRaster file, or it is damaged ({error})") from error
    color, occupancy = ldi.color.copy(), ldi.occupancy.copy()
    for layer, picture in enumerate(pictures):
        alpha, rgb = picture[..., 3], picture[..., :3]
        changed = alpha != alpha8(ldi, layer)
        occupancy[layer, 0][changed] = alpha[changed] / np.float32(255)
        painted = (rgb != rgb8(ldi, layer)) & (alpha > 0)[..., None]
        planes = color[layer].transpose(1, 2, 0)
        planes[painted] = rgb[painted] / np.float32(255)
    return LDI(color, _ordered(ldi, occupancy), occupancy)


def _ordered(ldi: LDI, occupancy: np.ndarray) -> np.ndarray:
    """Return the disparity with what was painted behind the layer in front.

    Where there is no room behind, `occupancy` is set to 0.
    """
    disparity = ldi.disparity.copy()
    for layer in range(1, ldi.layers):
        front, old_front = disparity[layer - 1], ldi.disparity[layer - 1]
        held = occupancy[layer] > 0
        # A layer that goes back takes those behind it along.
        touched = (held & (ldi.occupancy[layer] == 0)) | (front != old_front)
        occupancy[layer][touched & held & (front < BEHIND)] = 0
        limit = np.where(occupancy[layer] > 0, front - BEHIND, front)
        disparity[layer] = np.where(touched, np.minimum(disparity[layer], limit), disparity[layer])
    return disparity


def _pictures(archive: zipfile.ZipFile, path: Path, ldi: LDI) -> list[np.ndarray]:
    """Read the colour layers, each (H, W, 4) uint8 on the whole canvas."""
    if len(archive.infolist()) > _MAX_ENTRIES:
        raise InputError(f"{path} holds {len(archive.infolist())} files: it is no file of these layers")
    if _content(archive, "mimetype", 64, path).strip() != MIMETYPE.encode():
        raise InputError(f"{path} is no OpenRaster file: its mimetype is another")
    found = _layers(_content(archive, "stack.xml", _MAX_XML, path), path, ldi.size)
    wanted = [layer_name(layer) for layer in range(ldi.layers)]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(
            f"{path} has no layer called {missing[0]!r}; it has {', '.join(map(repr, sorted(found)))}: "
            "give the layers their names back"
        )
    spare = [name for name in found if name not in wanted and not name.startswith("disparity ")]
    if spare:
        raise InputError(
            f"{path} has a layer {spare[0]!r} that is none of the LDI's: merge it into one of them"
        )
    return [_picture(archive, found[name], path, name, ldi.size) for name in wanted]


def _layers(xml: bytes, path: Path, size: tuple[int, int]) -> dict[str, ElementTree.Element]:
    """Return the layers by name, from groups too."""
    if b"<!" in xml.replace(b"<!--", b""):
        raise InputError(f"{path}: stack.xml declares a document type, which is not read")
    try:
        image = ElementTree.fromstring(xml)
        canvas = (int(image.get("h", "")), int(image.get("w", "")))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: stack.xml is damaged ({error})") from error
    if canvas != size:
        raise InputError(
            f"{path} is {canvas[1]}×{canvas[0]} pixels, the LDI {size[1]}×{size[0]}: "
            "undo its scaling or cropping"
        )
    found: dict[str, ElementTree.Element] = {}
    for element in image.iter("layer"):
        name = element.get("name", "")
        if name in found:
            raise InputError(f"{path} has two layers called {name!r}: rename or remove one")
        found[name] = element
    return found


def _picture(
    archive: zipfile.ZipFile, layer: ElementTree.Element, path: Path, name: str, size: tuple[int, int]
) -> np.ndarray:
    """Read one layer and lay it on the canvas where its offset says."""
    try:
        place = (int(float(layer.get("x", "0"))), int(float(layer.get("y", "0"))))
        opacity = float(layer.get("opacity", "1"))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: the layer {name!r} has no readable place or opacity ({error})") from error
    blend = layer.get("composite-op", "svg:src-over")
    if opacity != 1 or blend != "svg:src-over":
        raise InputError(
            f"{path}: the layer {name!r} has the opacity {opacity:g} and blend mode {blend!r}, but its "
            "pixels alone are read: set it to 1 and normal"
        )
    source = layer.get("src", "")
    if posixpath.isabs(source) or ".." in source.split("/") or "\\" in source:
        raise InputError(f"{path}: the layer {name!r} names a picture outside of the file: {source!r}")
    data = _content(archive, source, _MAX_PNG, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sizes that are judged here
            image: Image.Image = Image.open(io.BytesIO(data), formats=("PNG",))
            if image.width * image.height > _BEYOND * size[0] * size[1]:
                raise InputError(
                    f"{path}: the layer {name!r} is {image.width}×{image.height} pixels, too large"
                )
            picture = image.convert("RGBA")
    except InputError:
        raise
    except Exception as error:  # decoders raise nearly anything
        raise InputError(f"{path}: the picture of the layer {name!r} is damaged ({error})") from error
    canvas = Image.new("RGBA", size[::-1])
    if max(map(abs, place)) <= _FARTHEST:  # else nothing of it is on the canvas
        canvas.paste(picture, place)
    return np.asarray(canvas)


def _content(archive: zipfile.ZipFile, name: str, limit: int, path: Path) -> bytes:
    """Read a file of the archive, never more than `limit` bytes whatever its header says."""
    try:
        with archive.open(name) as stream:
            data = stream.read(limit + 1)
    except KeyError as error:
        raise InputError(f"{path} is no whole OpenRaster file: it has no {name!r}") from error
    except zlib.error as error:
        raise InputError(f"{path}: {name!r} in it is damaged ({error})") from error
    if len(data) > limit:
        raise InputError(f"{path}: {name!r} in it is longer than the {limit >> 10} kB accepted")
    return data
