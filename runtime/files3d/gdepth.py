"""GDepth: a JPEG with its depth map as XMP metadata, Google's first format ("Lens Blur").

Namespace and encoding: developers.google.com/depthmap-metadata. `RangeInverse` numbers a distance Z by
far·(Z − near) / (Z·(far − near)), which is 1 − disparity: the nearest is black.
"""

import base64
import io
from pathlib import Path

from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .photo_jpeg import depth_picture, photo_jpeg
from .pinhole import Pinhole
from .xmp import description, fits, segments

_NAMESPACE = {"GDepth": "http://ns.google.com/photos/1.0/depthmap/"}


def write_gdepth(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    photo: Path | None = None,
    keep_metadata: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a JPEG that shows the photo and carries layer 0's depth, 8-bit PNG, in (extended) XMP.

    Args:
        path: of the .jpg.
        ldi: layer 0 gives the depth, and the photo if there is no file.
        pinhole: gives `Near` and `Far`, in metres; None for the defaults.
        photo: see `photo_jpeg`, as for `keep_metadata`.
        keep_metadata: of the photo.
        overwrite: replace what is there.

    Raises:
        InputError: see `photo_jpeg`; or the file cannot be written.
    """
    pinhole = pinhole or Pinhole()
    with atomic_file(path, overwrite) as temporary:
        base = photo_jpeg(ldi, photo, keep_metadata)
        # Stretched over the photo by the reader: the LDI's own size is all there is to know.
        depth = base.as_stored(depth_picture(ldi, ldi.size, near_is_white=False))
        buffer = io.BytesIO()
        depth.save(buffer, "PNG", optimize=True)
        data = {"GDepth:Data": base64.b64encode(buffer.getvalue()).decode()}
        properties = {
            "GDepth:Format": "RangeInverse",
            "GDepth:Near": f"{pinhole.near:g}",
            "GDepth:Far": f"{pinhole.far:g}",
            "GDepth:Units": "m",
            "GDepth:MeasureType": "OpticalAxis",
            "GDepth:Mime": "image/png",
        }
        whole = description(_NAMESPACE, properties | data)
        if fits(whole):
            added = segments(whole)
        else:
            added = segments(description(_NAMESPACE, properties), description(_NAMESPACE, data))
        temporary.write_bytes(base.jpeg.with_segments(added).to_bytes())
