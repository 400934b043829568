"""Apple's portrait HEIC: depth and matte as auxiliary images (ISO/IEC 23008-12), read by libheif.

What the numbers mean stands in the depth's own "depth representation information" (ITU-T H.265, F.14.2.3).
libheif turns each image upright by its own properties.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..opening import strict_decoder
from .depth import EmbeddedDepth, Frame, UnusableError, of_disparity_range, of_linear_range
from .pictures import check_size, from_picture

_INVERSE_DISTANCE, _DISPARITY, _DISTANCE = 0, 1, 2
_MATTE = "portraiteffectsmatte"


def read_heic(path: Path, notes: list[str]) -> EmbeddedDepth | None:
    """Read the depth image of a HEIC's primary picture, and the matte beside it; None if it has none.

    Raises:
        UnusableError: it has, damaged or in an encoding that is not known.
    """
    from pillow_heif import open_heif

    try:
        with strict_decoder(path, "photo"):
            opened = open_heif(path)
            primary: Any = opened[opened.primary_index]  # its `info` is one union of types
            width, height = primary.size
            frame = Frame(height, width)
            images, kinds = primary.info["depth_images"], primary.info.get("aux", {})
        _name_unknown(kinds, notes)
        if not images:
            return None
        depth = _depth(images[0], frame, path)
    except InputError as error:
        raise UnusableError("its HEIC container or depth image is damaged") from error
    return replace(depth, source="apple-heic", matte=_matte(primary, kinds, frame, path, notes))


def _depth(image: Any, frame: Frame, path: Path) -> EmbeddedDepth:
    """Decode a depth image after its size and encoding have been judged."""
    check_size(image.size, "depth image")
    stated = image.info.get("metadata") or {}
    kind = stated.get("representation_type")
    if kind not in (_INVERSE_DISTANCE, _DISPARITY, _DISTANCE):
        known = "none" if kind is None else str(kind)
        raise UnusableError(f"its depth image has the unknown encoding {known} (depth representation type)")
    with strict_decoder(path, "photo"):
        picture = image.to_pillow()
    grey = from_picture(picture, frame, "depth image")
    if kind == _DISTANCE:
        return replace(of_linear_range(grey, stated.get("z_near"), stated.get("z_far")), units="m")
    if kind == _INVERSE_DISTANCE and {"z_near", "z_far"} <= stated.keys():
        near, far = stated["z_near"], stated["z_far"]
        return of_disparity_range(grey, 1 / far if far > 0 else None, 1 / near if near > 0 else None)
    return of_disparity_range(grey, stated.get("d_min"), stated.get("d_max"))


def _matte(
    primary: Any, kinds: dict[str, list[int]], frame: Frame, path: Path, notes: list[str]
) -> Any | None:
    for kind, identities in kinds.items():
        if not kind.lower().endswith(_MATTE):
            continue
        try:
            with strict_decoder(path, "photo"):
                image = primary.get_aux_image(identities[0])
            check_size(image.size, "portrait matte")
            with strict_decoder(path, "photo"):
                picture = image.to_pillow()
            return from_picture(picture, frame, "portrait matte")
        except (InputError, UnusableError) as error:
            notes.append(f"the photo's matte was left unused: {error}")
    return None


def _name_unknown(kinds: dict[str, list[int]], notes: list[str]) -> None:
    """Name auxiliary images that call themselves depth in a way that libheif does not know."""
    for kind in kinds:
        if "depth" in kind.lower() or "disparity" in kind.lower():
            notes.append(f"the photo carries an auxiliary picture of the unknown kind {kind[:60]!r}")
