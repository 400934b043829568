"""GDepth: the depth map as base64 in XMP, Google's first format ("Lens Blur", and depth editors).

Namespace and encoding: developers.google.com/depthmap-metadata.
"""

import base64
import binascii
from dataclasses import replace

import numpy as np

from .depth import EmbeddedDepth, Frame, UnusableError, number, of_inverse_range, of_linear_range
from .pictures import read_grey
from .xmp import read_xmp, value

NAMESPACE = "http://ns.google.com/photos/1.0/depthmap/"
_RANGES = {"RangeInverse": of_inverse_range, "RangeLinear": of_linear_range}
_UNITS = {"m": "m", "meters": "m", "mm": "mm"}


def read_gdepth(data: bytes, frame: Frame, notes: list[str]) -> EmbeddedDepth | None:
    """Read GDepth from a JPEG file's (extended) XMP; None if it has none.

    Raises:
        UnusableError: it has, damaged or in an encoding that is not known.
    """
    if NAMESPACE.encode() not in data:
        return None
    trees = read_xmp(data, extended=True)
    properties = {name: value(trees, f"{{{NAMESPACE}}}{name}") for name in ("Format", "Near", "Far", "Units")}
    text = value(trees, f"{{{NAMESPACE}}}Data")
    if text is None:
        if properties["Format"] is None:
            return None
        raise UnusableError("its GDepth metadata has no depth map (GDepth:Data)")
    try:
        compact = "".join(text.split()).rstrip("=")
        # Google's own camera leaves the padding away.
        picture = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableError("its GDepth data is no base64") from error
    return ranged(properties, read_grey(picture, frame, "GDepth map"), "gdepth")


def ranged(properties: dict[str, str | None], grey: np.ndarray, source: str) -> EmbeddedDepth:
    """Turn a grey map into disparity by Google's `Format`, `Near`, `Far` and `Units`."""
    name = properties["Format"] or ""
    if name not in _RANGES:
        raise UnusableError(f"its {source} map has the unknown encoding {name[:40]!r}")
    depth = _RANGES[name](grey, number(properties["Near"]), number(properties["Far"]))
    return replace(depth, source=source, units=_UNITS.get((properties["Units"] or "").lower()))
