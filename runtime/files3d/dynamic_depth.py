"""Dynamic Depth 1.0: a JPEG with its depth map appended, what Android's cameras and photo programs use.

Specification: developer.android.com/training/camera2/Dynamic-depth-v1.0.pdf (Google, 2019), profile
`DepthPhoto`, media in a concatenated file container. `RangeInverse` is that of GDepth: the nearest is black.
"""

import io
from pathlib import Path

from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .photo_jpeg import depth_picture, photo_jpeg
from .pinhole import Pinhole
from .xmp import description, segments

_ROOT = "http://ns.google.com/photos/dd/1.0"
_NAMESPACES = {
    name: f"{_ROOT}/{name.lower()}/"
    for name in ("Device", "Container", "Item", "Profile", "Camera", "Image", "DepthMap")
}
_PRIMARY, _DEPTH = "primary_image", "android/depthmap"


def write_dynamic_depth(
    path: Path,
    ldi: LDI,
    *,
    pinhole: Pinhole | None = None,
    photo: Path | None = None,
    keep_metadata: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a JPEG that shows the photo, with layer 0's depth as an 8-bit PNG behind it.

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
    with atomic_file(path, overwrite) as temporary:
        base = photo_jpeg(ldi, photo, keep_metadata)
        # Image and depth map must have one aspect and one orientation; the size is the depth map's own.
        depth = base.as_stored(depth_picture(ldi, ldi.size, near_is_white=False))
        buffer = io.BytesIO()
        depth.save(buffer, "PNG", optimize=True)
        device = description(_NAMESPACES, {}, _device(pinhole or Pinhole(), len(buffer.getvalue())))
        jpeg = base.jpeg.with_segments(segments(device))
        temporary.write_bytes(jpeg.to_bytes() + buffer.getvalue())


def _device(pinhole: Pinhole, length: int) -> str:
    """Describe the container, the profile and the one camera, with its image and its depth map."""
    items = [
        f'<Container:Item Item:Mime="image/jpeg" Item:Length="0" Item:DataURI="{_PRIMARY}"/>',
        f'<Container:Item Item:Mime="image/png" Item:Length="{length}" Item:DataURI="{_DEPTH}"/>',
    ]
    profile = (
        '<Device:Profile Profile:Type="DepthPhoto"><Profile:CameraIndices>'
        "<rdf:Seq><rdf:li>0</rdf:li></rdf:Seq></Profile:CameraIndices></Device:Profile>"
    )
    camera = (
        f'<Device:Camera><Camera:Image Image:ItemSemantic="Primary" Image:ItemURI="{_PRIMARY}"/>'
        f'<Camera:DepthMap DepthMap:ItemSemantic="Depth" DepthMap:DepthURI="{_DEPTH}" '
        f'DepthMap:Format="RangeInverse" DepthMap:Near="{pinhole.near:g}" DepthMap:Far="{pinhole.far:g}" '
        'DepthMap:Units="Meters" DepthMap:MeasureType="OpticalAxis"/></Device:Camera>'
    )
    return (
        f"<Device:Container><Container:Directory>{_list(items)}</Container:Directory></Device:Container>"
        f"<Device:Profiles>{_list([profile])}</Device:Profiles>"
        f"<Device:Cameras>{_list([camera])}</Device:Cameras>"
    )


def _list(entries: list[str]) -> str:
    """Return an ordered list of structures."""
    lines = "".join(f'<rdf:li rdf:parseType="Resource">{entry}</rdf:li>' for entry in entries)
    return f"<rdf:Seq>{lines}</rdf:Seq>"
