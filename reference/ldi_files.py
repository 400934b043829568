"""Layered depth images on disk (DESIGN §3): `ldi.json`, and two PNG files a layer.

Colour is an 8-bit RGBA PNG whose alpha is the occupancy; disparity a 16-bit grey PNG whose code v stands
for min + (max − min) · v / 65535, larger = nearer. All layers written here share one min and max, so that
codes of different layers compare as their disparities do.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .errors import InputError
from .files import atomic_folder
from .ldi import LDI
from .photo.opening import MAX_PIXELS, open_image
from .progress import track

VERSION = 1
FILE_NAME = "ldi.json"
CODES = 65535
# A narrower span would have steps finer than float32 can tell apart near 1, and reading would merge codes.
MIN_SPAN = 1 / 64
MAX_LAYERS = 16
# Pixels of all layers together: 100 megapixels of three layers.
MAX_TOTAL_PIXELS = 3 * MAX_PIXELS
_MAX_JSON_BYTES = 1 << 20


def write_ldi(folder: Path, ldi: LDI, overwrite: bool = False) -> None:
    """Write an LDI as a folder, whole or not at all.

    Args:
        folder: made by this; it must not exist, or `overwrite` be given.
        ldi: see `fill_folder` for what is kept of it.
        overwrite: replace what is there.

    Raises:
        InputError: the LDI has values outside [0, 1] or not finite, or the folder cannot be written.
    """
    with atomic_folder(folder, overwrite) as temporary:
        fill_folder(temporary, ldi)


def fill_folder(folder: Path, ldi: LDI) -> None:
    """Write an LDI's files into a folder that exists (and that the caller makes atomic).

    Colour and occupancy are rounded to 8 bits, disparity to 16 bits of its own range, each to within half a
    step. Rounding never turns the order of layers round, and a layer that is strictly behind where its
    alpha is not 0 stays so, for which a gap of less than one step is widened to one.

    Raises:
        InputError: the LDI has values outside [0, 1] or not finite.
    """
    _check_range(ldi)
    low, high = _span(ldi.disparity)
    alpha = np.rint(ldi.occupancy[:, 0] * 255).astype(np.uint8)
    codes = _codes(ldi.disparity[:, 0], alpha, low, high)
    height, width = ldi.size
    described = []
    for index in track(range(ldi.layers), "writing layers"):
        color = np.rint(ldi.color[index].transpose(1, 2, 0) * np.float32(255)).astype(np.uint8)
        names = {"color": f"layer{index}_color.png", "disparity": f"layer{index}_disparity.png"}
        rgba = Image.fromarray(np.dstack([color, alpha[index]]))
        rgba.save(folder / names["color"], compress_level=2)
        Image.fromarray(codes[index]).save(folder / names["disparity"], compress_level=2)
        described.append({**names, "disparity_min": low, "disparity_max": high})
    description = {"version": VERSION, "width": width, "height": height, "layers": described}
    (folder / FILE_NAME).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def read_ldi(folder: Path) -> LDI:
    """Read an LDI that `write_ldi`, or another program following DESIGN §3, has written.

    Args:
        folder: the folder that holds `ldi.json`.

    Returns:
        The LDI in float32. Its order is not checked here (`LDI.check` does).

    Raises:
        InputError: a file is missing or damaged, of another version, kind or size than `ldi.json` says, is
            too large or outside the folder, or a disparity range is turned round or not within [0, 1].
    """
    folder = Path(folder)
    description = _read_description(folder)
    height, width = description["height"], description["width"]
    layers = description["layers"]
    color = np.empty((len(layers), 3, height, width), np.float32)
    disparity = np.empty((len(layers), 1, height, width), np.float32)
    occupancy = np.empty_like(disparity)
    for index, layer in enumerate(track(layers, "reading layers", total=len(layers))):
        rgba = _read_png(folder, layer["color"], (height, width), "RGBA")
        color[index] = rgba[..., :3].transpose(2, 0, 1)
        occupancy[index, 0] = rgba[..., 3]
        codes = _read_png(folder, layer["disparity"], (height, width), "I;16")
        low, high = layer["disparity_min"], layer["disparity_max"]
        disparity[index, 0] = low + (high - low) * (codes / CODES)
    color /= 255
    occupancy /= 255
    return LDI(color, disparity, occupancy)


def _check_range(ldi: LDI) -> None:
    """Refuse values that the format cannot hold."""
    for name in ("color", "disparity", "occupancy"):
        array = getattr(ldi, name)
        low, high = float(array.min()), float(array.max())  # NaN wherever there is one
        if not (low >= 0 and high <= 1):
            raise InputError(f"cannot write the LDI: {name} must be within [0, 1], got [{low:g}, {high:g}]")


def _span(disparity: np.ndarray) -> tuple[float, float]:
    """Return min and max of all layers together, at least `MIN_SPAN` apart, within [0, 1]."""
    low, high = float(disparity.min()), float(disparity.max())
    if high - low < MIN_SPAN:
        low = max(0.0, high - MIN_SPAN)
        high = max(high, low + MIN_SPAN)
    return low, high


def _codes(disparity: np.ndarray, alpha: np.ndarray, low: float, high: float) -> np.ndarray:
    """Round disparity to codes that keep the order of layers.

    Args:
        disparity: (L, H, W) float32 within [low, high].
        alpha: (L, H, W) uint8, what will be written of the occupancy.
        low: stands for code 0.
        high: stands for code 65535.

    Returns:
        (L, H, W) uint16.
    """
    codes = np.empty(disparity.shape, np.int32)
    for index, plane in enumerate(disparity):
        codes[index] = np.rint((plane.astype(np.float64) - low) * (CODES / (high - low)))
    # Where the layer is seen behind the one in front, one code must lie between them (0: equal may stay so).
    apart = ((alpha[1:] > 0) & (disparity[1:] < disparity[:-1])).astype(np.int32)
    ordered = disparity[1:] <= disparity[:-1]  # an LDI that is out of order is written as it is
    for index in range(1, len(codes)):
        limit = codes[index - 1] - apart[index - 1]
        codes[index] = np.where(ordered[index - 1], np.minimum(codes[index], limit), codes[index])
    np.maximum(codes, 0, out=codes)
    for index in range(len(codes) - 1, 0, -1):  # and up again where that would have gone below 0
        limit = codes[index] + apart[index - 1]
        codes[index - 1] = np.where(ordered[index - 1], np.maximum(codes[index - 1], limit), codes[index - 1])
    return codes.astype(np.uint16)


def _read_description(folder: Path) -> dict[str, Any]:
    """Read `ldi.json` and check everything that it says."""
    path = folder / FILE_NAME
    try:
        if not folder.is_dir():
            raise InputError(f"no such LDI folder: {folder}")
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise InputError(f"{path} is {path.stat().st_size} bytes long: it is no description of an LDI")
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}") from error
    version = description.get("version") if isinstance(description, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{path} is no description of an LDI: it has no version number")
    if version > VERSION:
        raise InputError(f"{path} has version {version}, this ldikit reads up to {VERSION}: update ldikit")
    for name in ("width", "height"):
        side = description.get(name)
        if not isinstance(side, int) or isinstance(side, bool) or side < 1:
            raise InputError(f"{path}: {name} must be a whole number of pixels, got {side!r}")
    layers = description.get("layers")
    if not isinstance(layers, list) or not 1 <= len(layers) <= MAX_LAYERS:
        raise InputError(f"{path}: layers must be a list of 1 to {MAX_LAYERS} layers")
    pixels = description["width"] * description["height"]
    if pixels > MAX_PIXELS or pixels * len(layers) > MAX_TOTAL_PIXELS:
        raise InputError(
            f"{path}: {len(layers)} layers of {description['width']}×{description['height']} pixels are more "
            f"than the {MAX_TOTAL_PIXELS // 10**6} megapixels accepted"
        )
    for index, layer in enumerate(layers):
        _check_layer(folder, layer, f"{path}: layer {index}")
    return description


def _check_layer(folder: Path, layer: Any, where: str) -> None:
    """Check one entry of `layers`: file names that stay in the folder, a range of disparity within [0, 1]."""
    if not isinstance(layer, dict):
        raise InputError(f"{where} must be an object, got {layer!r}")
    for name in ("color", "disparity"):
        file = layer.get(name)
        if not isinstance(file, str) or not file or "\0" in file:
            raise InputError(f"{where}: {name} must be a file name, got {file!r}")
        if not (folder / file).resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{where}: {name} leaves the folder of the LDI: {file!r}")
    for name in ("disparity_min", "disparity_max"):
        limit = layer.get(name)
        if not isinstance(limit, int | float) or isinstance(limit, bool) or not 0 <= limit <= 1:
            raise InputError(f"{where}: {name} must be a number in [0, 1], got {limit!r}")
    if layer["disparity_min"] > layer["disparity_max"]:
        raise InputError(f"{where}: disparity_min is above disparity_max")


def _read_png(folder: Path, file: str, size: tuple[int, int], mode: str) -> np.ndarray:
    """Read one PNG of (height, width) `size` and Pillow mode `mode`: H×W×4 uint8 or H×W uint16."""
    path = folder / file
    image = open_image(path, "layer", 1, expected=("PNG", mode, (size[1], size[0])))
    if image.size != (size[1], size[0]):
        raise InputError(f"the layer {path} carries an EXIF orientation, which turns it to another size")
    return np.asarray(image)
