"""Opening an image file safely: what it is, whether it is whole and of a bearable size, then its pixels.

The file's content decides its format, never its name. The size is judged from the header, before any pixel
is decoded, so a decompression bomb costs nothing.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from ..errors import InputError

# Only decoders of formats that photos come in: Pillow has others that run programs (EPS) or are little tried.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF")
FORMAT_NAMES = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF"

MAX_PIXELS = 100_000_000

_ORIENTATION_TAG = 0x0112
# What an EXIF orientation asks for; 1 is upright already.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_TIFF_SUBFILE, _TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANAR, _TIFF_DNG = 254, 258, 262, 284, 50706

# Keys of `Image.info` that `open_image` adds for TIFF grey of more than 8 bits.
WHITE, INVERTED = "ldikit_white", "ldikit_inverted"


def open_image(
    path: Path,
    what: str,
    min_side: int,
    max_aspect: float | None = None,
    expected: tuple[str, str, tuple[int, int]] | None = None,
) -> Image.Image:
    """Decode the first picture of an image file and turn it upright by its EXIF orientation.

    Args:
        path: the file.
        what: what the user gave it as, for messages ("photo", "depth map").
        min_side: the smallest height and width accepted, in pixels.
        max_aspect: the longest side over the shortest that is accepted, or None for any.
        expected: format, mode and (width, height) that the file must have, or None for any.

    Returns:
        The picture in the file's own mode, decoded, in memory, upright; `info` is the decoder's (and `WHITE`,
        `INVERTED`), `format` the file's.

    Raises:
        InputError: the file is missing, no file, unreadable, empty, of another kind, damaged or truncated,
            its size is outside the limits (at most 100 megapixels), or it is not as expected.
    """
    with opened(path, what) as stream:
        with strict_decoder(path, what):
            image: Image.Image = Image.open(stream, formats=_decoders())
        _check_size(image.size, path, what, min_side, max_aspect)
        if expected is not None and (image.format, image.mode, image.size) != expected:
            raise InputError(
                f"the {what} {path} must be {_describe(*expected)}, "
                f"got {_describe(image.format or '?', image.mode, image.size)}"
            )
        with strict_decoder(path, what):
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                _check_tiff(image, path, what)
            image.load()
        # A HEIF header may state another size than its picture turns out to have.
        _check_size(image.size, path, what, min_side, max_aspect)
        turn = TURNS.get(orientation(image))
        kind, info = image.format, image.info
        if turn is not None:
            image = image.transpose(turn)
            image.format, image.info = kind, info
        return image


@contextmanager
def opened(path: Path, what: str) -> Iterator[BinaryIO]:
    """Open a regular, non-empty file, with an `InputError` for everything else."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: give the file of one {what}")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no regular file: copy the {what} into one first")
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"no such {what}: {path}") from error
    except OSError as error:
        raise InputError(f"cannot read the {what} {path}: {error.strerror or error}") from error
    with stream:
        if not stream.read(1):
            raise InputError(f"the {what} {path} is empty (0 bytes): copy it again")
        stream.seek(0)
        yield stream


@contextmanager
def strict_decoder(path: Path, what: str) -> Iterator[None]:
    """Let the decoder accept no truncated file, and turn whatever it raises into one line.

    Decoders meet hostile bytes and raise nearly anything (SyntaxError, struct.error, ValueError, OSError, …).
    """
    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            # Pillow warns above 89 megapixels and about odd metadata; our own limit is checked instead.
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:
        raise InputError(
            f"the {what} {path} has more than the {MAX_PIXELS // 10**6} megapixels accepted: scale it down"
        ) from error
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path} is no {what} that can be read: it is not {FORMAT_NAMES}, or its header is damaged"
        ) from error
    except MemoryError as error:
        raise InputError(f"not enough memory to decode the {what} {path}: scale it down") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"the {what} {path} is damaged or truncated ({reason}): copy it again") from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _decoders() -> tuple[str, ...]:
    """Teach Pillow HEIC, and name those of `FORMATS` that it can read here (AVIF may be left out of a build).

    Called late, because libheif takes its time to load; twice is harmless.
    """
    from pillow_heif import register_heif_opener

    register_heif_opener()
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_size(
    size: tuple[int, int], path: Path, what: str, min_side: int, max_aspect: float | None
) -> None:
    """Refuse a size, (width, height), outside the limits."""
    width, height = size
    got = f"the {what} {path} is {width}×{height} pixels (width × height)"
    if width * height > MAX_PIXELS:
        raise InputError(f"{got}, more than the {MAX_PIXELS // 10**6} megapixels accepted: scale it down")
    if min(size) < min_side:
        raise InputError(f"{got}: both sides must be at least {min_side}")
    if max_aspect is not None and max(size) > max_aspect * min(size):
        raise InputError(f"{got}: no side may be longer than {max_aspect:g} times the other; crop it")


def _describe(kind: str, mode: str, size: tuple[int, int]) -> str:
    """Return format, pixel mode and size in words."""
    return f"a {kind} of mode {mode} and {size[0]}×{size[1]} pixels"


def _check_tiff(image: TiffImagePlugin.TiffImageFile, path: Path, what: str) -> None:
    """Refuse TIFF files that Pillow would decode, but not to the photo; keep in `info` what it leaves undone.

    Grey of more than 8 bits arrives as stored: `info` gets WHITE, the value of full scale, and INVERTED.
    """
    tags = image.tag_v2
    if _TIFF_DNG in tags or int(tags.get(_TIFF_SUBFILE, 0)) & 1:
        raise InputError(
            f"{path} is a raw file or begins with a thumbnail: give a {what} developed to JPEG or TIFF"
        )
    bits = tags.get(_TIFF_BITS, (1,))
    if int(tags.get(_TIFF_PLANAR, 1)) == 2 and len(bits) > 1 and max(bits) > 8:
        # Pillow 13 decodes these without an error, to noise.
        raise InputError(
            f"the {what} {path} is a TIFF of {max(bits)}-bit separate planes, which cannot be read: "
            "save it with interleaved channels"
        )
    if image.mode.startswith("I;16"):
        image.info[WHITE] = (1 << int(bits[0])) - 1
        image.info[INVERTED] = tags.get(_TIFF_PHOTOMETRIC) == 0


def orientation(image: Image.Image) -> int:
    """The EXIF orientation that is still to be applied; 1 where there is none or it cannot be read.

    Read after decoding: TIFF and HEIF are turned by their decoders, a PNG may have EXIF behind its pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Damaged metadata of an intact picture: show it as it is stored, as every viewer does.
        return 1
