"""Stereo pictures: two views of the renderer side by side, or one picture for red-cyan glasses."""

from pathlib import Path

import numpy as np
from PIL import Image

from ...reference.config import LayeringConfig
from ...reference.errors import InputError
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from ...reference.render import Camera
from ..photo3d.video import border_zoom, picture
from .photo_jpeg import encoded

# Way between the eyes in units of the largest parallax, and the disparity on the screen: near and far
# things are then 2.5 % of the long side apart for the two eyes.
SEPARATION = 1.0
SCREEN = 0.5
# E. Dubois, "A projection method to generate anaglyph stereo images", ICASSP 2001: least squares in linear
# light, for red-cyan glasses before an sRGB screen.
_LEFT = np.array(
    [
        [0.4561, 0.500484, 0.176381],
        [-0.0400822, -0.0378246, -0.0157589],
        [-0.0152161, -0.0205971, -0.00546856],
    ]
)
_RIGHT = np.array(
    [[-0.0434706, -0.0879388, -0.00155529], [0.378476, 0.73364, -0.0184503], [-0.0721527, -0.112961, 1.2264]]
)


def eyes(
    ldi: LDI, separation: float, focus: float, zoom: float, parallax: float
) -> tuple[np.ndarray, np.ndarray]:
    """Render the left and the right eye's picture, without holes: each (H, W, 3) uint8.

    Args:
        ldi: the layers.
        separation: of the eyes, in units of the largest parallax.
        focus: disparity that both see at the same place.
        zoom: see `Camera`, as for `parallax`.
        parallax: of the layers.

    Raises:
        InputError: see `Camera`; or the LDI is not finite.
    """
    places = (-separation / 2, separation / 2)
    left, right = (picture(ldi, Camera(x=x, zoom=zoom, focus=focus, parallax=parallax)) for x in places)
    return left, right


def write_side_by_side(
    path: Path,
    ldi: LDI,
    *,
    separation: float = SEPARATION,
    parallax: float = LayeringConfig.max_parallax,
    overwrite: bool = False,
) -> None:
    """Write a JPEG of twice the width: the left eye's picture at the left, the right eye's at the right.

    Args:
        path: of the .jpg.
        ldi: the layers.
        separation: of the eyes, in units of the largest parallax; at most 2, the reach of the layers.
        parallax: of the layers.
        overwrite: replace what is there.

    Raises:
        InputError: the separation is out of range, the LDI is not finite, or the file cannot be written.
    """
    with atomic_file(path, overwrite) as temporary:
        pair = np.hstack(_screen_pair(ldi, separation, parallax))
        temporary.write_bytes(encoded(Image.fromarray(pair)).to_bytes())


def write_anaglyph(
    path: Path,
    ldi: LDI,
    *,
    separation: float = SEPARATION,
    parallax: float = LayeringConfig.max_parallax,
    overwrite: bool = False,
) -> None:
    """Write a JPEG for red-cyan glasses, red before the left eye; arguments of `write_side_by_side`.

    Raises:
        InputError: see `write_side_by_side`.
    """
    with atomic_file(path, overwrite) as temporary:
        left, right = _screen_pair(ldi, separation, parallax)
        temporary.write_bytes(encoded(Image.fromarray(anaglyph(left, right))).to_bytes())


def anaglyph(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mix two pictures, each (H, W, 3) uint8 sRGB, by Dubois' matrices in linear light."""
    mixed = _linear(left) @ _LEFT.T.astype(np.float32) + _linear(right) @ _RIGHT.T.astype(np.float32)
    mixed = np.clip(mixed, 0, 1)
    coded = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055)
    return np.rint(coded * 255).astype(np.uint8)


def _linear(picture: np.ndarray) -> np.ndarray:
    """Turn sRGB codes (uint8) into linear light (float32), by IEC 61966-2-1."""
    codes = np.arange(256) / 255
    table = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[picture]


def _screen_pair(ldi: LDI, separation: float, parallax: float) -> tuple[np.ndarray, np.ndarray]:
    """Render both eyes for a screen, enlarged so far that neither sees past the photo's border."""
    if not 0 < separation <= 2:
        raise InputError(f"the eyes' separation must be above 0 and at most 2, got {separation}")
    zoom = border_zoom(ldi, separation / 2, parallax, SCREEN)
    return eyes(ldi, separation, SCREEN, zoom, parallax)
