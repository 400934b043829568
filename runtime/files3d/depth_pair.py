"""A photo and its depth as two files, which social networks turn into a 3D photo."""

from contextlib import ExitStack
from pathlib import Path

from PIL import Image

from ...reference.errors import InputError
from ...reference.files import atomic_file
from ...reference.ldi import LDI
from .photo_jpeg import depth_picture, photo_jpeg, turned
from .texture import rgb8

_DEPTH_QUALITY = 95


def write_depth_pair(
    path: Path, ldi: LDI, *, photo: Path | None = None, keep_metadata: bool = False, overwrite: bool = False
) -> None:
    """Write `NAME.jpg` and `NAME_depth.jpg` (or both .png), of one size, white near, upright pixels alike.

    Args:
        path: of the photo; its suffix, .jpg, .jpeg or .png, is that of both. A PNG holds layer 0.
        ldi: layer 0 gives the depth, and the photo if there is no file.
        photo: see `photo_jpeg`, as for `keep_metadata`; for .jpg only.
        keep_metadata: of the photo.
        overwrite: replace what is there, under either name.

    Raises:
        InputError: the suffix is another one, or see `photo_jpeg`, or a file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise InputError(f"a photo with depth is written as .jpg or .png, not {path.suffix!r}")
    with ExitStack() as files:
        first = files.enter_context(atomic_file(path, overwrite))
        second = files.enter_context(atomic_file(path.with_stem(f"{path.stem}_depth"), overwrite))
        if path.suffix.lower() == ".png":
            Image.fromarray(rgb8(ldi, 0)).save(first, "PNG")
            depth_picture(ldi, ldi.size, near_is_white=True).save(second, "PNG")
            return
        base = photo_jpeg(ldi, photo, keep_metadata)
        first.write_bytes(base.jpeg.to_bytes())
        depth = base.as_stored(depth_picture(ldi, base.size, near_is_white=True))
        depth.save(second, "JPEG", quality=_DEPTH_QUALITY, exif=turned(base.orientation))
