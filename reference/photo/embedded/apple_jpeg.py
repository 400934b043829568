"""Apple's portrait JPEG: depth and matte as further JPEGs in the file, listed by MPF, described by their XMP.

Multi-Picture Format: CIPA DC-007-2021, section 5.2. The XMP names are ImageIO's (kCGImageAuxiliaryDataType…),
as found in photos of iPhones.
"""

from dataclasses import replace
from itertools import islice

from .depth import EmbeddedDepth, Frame, UnusableError, number, of_disparity_range, of_linear_range
from .jpeg import APP2, SOI, segments
from .pictures import read_grey
from .xmp import Trees, read_xmp, value

_MPF = b"MPF\0"
_ENTRIES, _ENTRY_BYTES = 0xB002, 16
_MOST_PICTURES = 100
_INFO = "{http://ns.apple.com/pixeldatainfo/1.0/}"
# "L008": one 8-bit channel, white for `FloatMaxValue`.
_GREY8 = int.from_bytes(b"L008", "big")
_MATTE = "portraiteffectsmatte"
# What else lies beside a photo, and is none of its depth.
_OTHERS = ("hdrgainmap", "matte")


def read_apple_jpeg(data: bytes, frame: Frame, notes: list[str]) -> EmbeddedDepth | None:
    """Read the depth among the further pictures of a JPEG file, and the matte beside it; None if none is.

    Raises:
        UnusableError: there is one, damaged or in an encoding that is not known; or the list of pictures
            points where none are.
    """
    depth, matte = None, None
    for start, end in _pictures(data):
        picture = data[start:end]
        if not picture.startswith(SOI):
            raise UnusableError(
                "its list of further pictures (MPF) points where none are: was the file edited?"
            )
        trees = read_xmp(picture)
        kind = (value(trees, f"{_INFO}AuxiliaryImageType") or "").lower()
        if kind in ("disparity", "depth") and depth is None:
            depth = _depth(picture, trees, kind, frame)
        elif kind.endswith(_MATTE):
            try:
                matte = read_grey(picture, frame, "portrait matte")
            except UnusableError as error:
                notes.append(f"the photo's matte was left unused: {error}")
        elif kind not in ("", "disparity", "depth") and not kind.endswith(_OTHERS):
            notes.append(f"the photo carries an auxiliary picture of the unknown kind {kind[:60]!r}")
    return None if depth is None else replace(depth, source="apple-jpeg", matte=matte)


def _depth(picture: bytes, trees: Trees, kind: str, frame: Frame) -> EmbeddedDepth:
    stored = number(value(trees, f"{_INFO}StoredFormat"))
    if stored not in (None, _GREY8):
        raise UnusableError(f"its {kind} picture has the unknown encoding {_four_letters(stored)}")
    low, high = (number(value(trees, f"{_INFO}Float{end}Value")) for end in ("Min", "Max"))
    grey = read_grey(picture, frame, f"{kind} picture")
    if kind == "disparity":
        return of_disparity_range(grey, low, high)
    return replace(of_linear_range(grey, low, high), units="m")


def _four_letters(code: float | None) -> str:
    """Return a four-character code as Apple writes it, or the number that it is."""
    whole = int(code or 0)
    letters = whole.to_bytes(4, "big") if 0 <= whole < 1 << 32 else b"\0"
    return repr(letters.decode()) if letters.isascii() and letters.decode().isprintable() else str(whole)


def _pictures(data: bytes) -> list[tuple[int, int]]:
    """Return where the further pictures of a file begin and end, by its MPF index."""
    for marker, at, body in segments(data):
        if marker == APP2 and body.startswith(_MPF):
            return _index(body[len(_MPF) :], at + len(_MPF), len(data))
    return []


def _index(tiff: bytes, base: int, size: int) -> list[tuple[int, int]]:
    """Read the MP entries; offsets in them count from `base`, the start of this TIFF structure."""
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        raise UnusableError("its list of further pictures (MPF) is damaged")

    def integer(at: int, length: int) -> int:
        if at + length > len(tiff):
            raise UnusableError("its list of further pictures (MPF) is truncated")
        return int.from_bytes(tiff[at : at + length], "little" if tiff.startswith(b"II") else "big")

    directory = integer(4, 4)
    found = []
    for field in range(integer(directory, 2)):
        entry = directory + 2 + 12 * field
        if integer(entry, 2) != _ENTRIES:
            continue
        count, place = integer(entry + 4, 4) // _ENTRY_BYTES, integer(entry + 8, 4)
        for picture in islice(range(1, count), _MOST_PICTURES):  # the first one is the photo
            length = integer(place + _ENTRY_BYTES * picture + 4, 4)
            offset = integer(place + _ENTRY_BYTES * picture + 8, 4)
            if not offset or not length or base + offset + length > size:
                raise UnusableError("its list of further pictures (MPF) points beyond the file: was it cut?")
            found.append((base + offset, base + offset + length))
    return found
