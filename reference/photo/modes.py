"""From whatever mode a photo is stored in to 8-bit sRGB: bit depth, colour profile, transparency."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from ..errors import InputError
from .opening import INVERTED, WHITE

# What shows through transparent pixels.
BACKGROUND = (255, 255, 255)

_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# No header says what white is in a 32-bit or float grey picture: the smallest of these that holds its values.
_FULL_SCALES = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0, 2.0**31 - 1)}
_BLACK_POINT_COMPENSATION = ImageCms.Flags.BLACKPOINTCOMPENSATION


@dataclass(frozen=True)
class Converted:
    """A picture in sRGB and what was done to get there.

    Attributes:
        image: mode RGB, 8 bits a channel.
        had_alpha: some pixel was not opaque, and was laid over `BACKGROUND`.
        profile: description of the embedded colour profile that was converted from, or None.
        notes: remarks a user should see, one line each.
    """

    image: Image.Image
    had_alpha: bool
    profile: str | None
    notes: tuple[str, ...]


def to_srgb(image: Image.Image) -> Converted:
    """Convert a decoded picture of any Pillow mode to 8-bit sRGB, transparent pixels laid over white.

    Colours follow the embedded ICC profile (relative colorimetric, black point compensated); without one,
    RGB and grey are taken as sRGB and CMYK is converted by Pillow's rule, 255 − min(255, ink + black).

    Raises:
        InputError: float or integer pixels that are not finite, negative, or above every known full scale.
    """
    icc = image.info.get("icc_profile")
    notes: list[str] = []
    plain, alpha = _split_alpha(_eight_bit(image))
    rgb, profile = _apply_profile(plain, icc, notes)
    had_alpha = alpha is not None and alpha.getextrema() != (255, 255)
    if had_alpha:
        background = Image.new("RGB", rgb.size, BACKGROUND)
        background.paste(rgb, mask=alpha)
        rgb = background
        notes.append("transparent pixels were laid over white")
    return Converted(rgb, had_alpha, profile, tuple(notes))


def grey_values(image: Image.Image) -> np.ndarray:
    """Return the values of a one-channel picture as stored, zero = black.

    Args:
        image: mode L, I, F or one of I;16.

    Returns:
        H×W of the file's own dtype in native byte order; a TIFF that stores white as zero is turned round
        (Pillow does so for 8 bits, not for 16).
    """
    values = np.asarray(image)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if image.info.get(INVERTED):
        values = np.asarray(image.info[WHITE] - values, dtype=np.uint16)
    return values


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale a grey picture of more than 8 bits to 8 (Pillow's own conversion clips); pass others through.

    Colour of 16 bits arrives as 8 already: Pillow keeps the high byte, at most one step from rounding.
    """
    if not (image.mode in ("I", "F") or image.mode.startswith("I;16")):
        return image
    values = grey_values(image)
    declared = image.info.get(WHITE, 65535)
    scale = _full_scale(values, image.mode) if image.mode in _FULL_SCALES else declared
    eight = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 256):  # in strips, so that 100 megapixels need no float copy
        strip = values[top : top + 256].astype(np.float64)
        eight[top : top + 256] = np.rint(np.minimum(strip * (255.0 / scale), 255.0))
    grey = Image.fromarray(eight)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = Image.merge(
            "LA", (grey, Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
        )
    return grey


def _full_scale(values: np.ndarray, mode: str) -> float:
    """Return the value that means white."""
    if not np.isfinite(values).all():
        raise InputError(f"the photo has {int((~np.isfinite(values)).sum())} values that are not finite")
    low, high = float(values.min()), float(values.max())
    scales = _FULL_SCALES[mode]
    fitting = [scale for scale in scales if high <= scale]
    if low < 0 or not fitting:
        raise InputError(
            f"the photo's values run from {low:g} to {high:g}, expected 0 to one of "
            f"{', '.join(f'{scale:.0f}' for scale in scales)}: save it as 8 or 16 bits"
        )
    return fitting[0]


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split a picture into its opaque colours (mode RGB, L, CMYK or LAB) and its alpha (mode L) or None."""
    transparent = image.info.get("transparency")
    if isinstance(transparent, tuple) and max(transparent) > 255:
        transparent = (
            None  # 16-bit key colour of a PNG whose pixels Pillow has cut to 8: nothing can match it
        )
    if image.mode in _ALPHA_MODES or transparent is not None:
        if image.mode == "LA":
            grey, alpha = image.split()
            return grey, alpha
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        return rgba.convert("RGB"), rgba.getchannel("A")
    if image.mode in ("RGB", "L", "CMYK", "LAB"):
        return image, None
    if image.mode == "1":
        return image.convert("L"), None
    image.info.pop("transparency", None)
    return image.convert("RGB"), None


def _apply_profile(image: Image.Image, icc: bytes | None, notes: list[str]) -> tuple[Image.Image, str | None]:
    """Convert to sRGB by the embedded profile; one that is broken or of another kind is noted, not used."""
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _transform(image, ImageCms.ImageCmsProfile(lab)), None
    if not icc:
        return image.convert("RGB"), None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        name = " ".join((ImageCms.getProfileDescription(profile) or "unnamed").split())
        if space == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if _PROFILE_MODES.get(space) != image.mode:
            notes.append(f"colour profile {name!r} is for {space}, the photo is {image.mode}: left out")
            return image.convert("RGB"), None
        if image.mode == "RGB" and _is_srgb(profile):
            return image, name
        return _transform(image, profile), name
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        notes.append(f"the embedded colour profile cannot be used ({reason}): left out")
        return image.convert("RGB"), None


def _transform(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Convert `image` from `profile` to sRGB."""
    converted = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=_BLACK_POINT_COMPENSATION,
    )
    assert converted is not None  # only with inPlace
    return converted


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Say whether a profile moves no colour by more than one step: then an sRGB photo's pixels stay exact."""
    levels = np.linspace(0, 255, 17).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(17, 17 * 17, 3)
    moved = np.asarray(_transform(Image.fromarray(grid), profile))
    return int(np.abs(moved.astype(int) - grid).max()) <= 1
