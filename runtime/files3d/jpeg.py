"""A JPEG file in its parts, so that a photo is given on without decoding it and without what is private."""

from dataclasses import dataclass

from ...reference.errors import InputError

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
# A segment's length counts its own two bytes.
MAX_PAYLOAD = 65533
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_MULTI_PICTURE = b"MPF\0"
_FIRST = (b"JFIF\0", b"Exif\0")
# What the colours cannot be decoded without, or would be wrong without: no word about people, time or place.
_NEEDED = ((_APP0, b"JFIF\0"), (_APP2, b"ICC_PROFILE\0"), (_APP14, b"Adobe"))


@dataclass(frozen=True)
class Jpeg:
    """The first picture of a JPEG file.

    Attributes:
        segments: (marker, payload) up to the first scan, in order.
        scans: the bytes from the first scan to the end-of-image marker, both included.
    """

    segments: tuple[tuple[int, bytes], ...]
    scans: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Jpeg":
        """Take a file apart (ITU-T T.81, annex B). What follows the first picture is left away.

        Raises:
            InputError: the bytes are no whole JPEG.
        """
        if not data.startswith(SOI):
            raise InputError("this is no JPEG file")
        segments: list[tuple[int, bytes]] = []
        at = len(SOI)
        while True:
            marker, start, end = _segment(data, at)
            if marker == _SOS:
                return cls(tuple(segments), data[at : _end_of_image(data, end)])
            segments.append((marker, data[start:end]))
            at = end

    def stripped(self, keep_metadata: bool = False) -> "Jpeg":
        """Return it without metadata, but for colour profile and what decoding needs.

        Args:
            keep_metadata: keep EXIF, IPTC, comments and the rest; only XMP and the index of further pictures
                go, since they would contradict what is added or point at bytes that are not there.
        """
        return Jpeg(tuple(s for s in self.segments if _stays(*s, keep_metadata)), self.scans)

    def with_segments(self, added: list[tuple[int, bytes]]) -> "Jpeg":
        """Return it with segments added, behind JFIF and EXIF, which readers want first.

        Args:
            added: (marker, payload), each payload at most `MAX_PAYLOAD` bytes.
        """
        first = 0
        while first < len(self.segments) and self.segments[first][1].startswith(_FIRST):
            first += 1
        return Jpeg(self.segments[:first] + tuple(added) + self.segments[first:], self.scans)

    def to_bytes(self) -> bytes:
        """Return the file."""
        parts = [SOI]
        for marker, payload in self.segments:
            parts += [bytes([0xFF, marker]), (len(payload) + 2).to_bytes(2, "big"), payload]
        return b"".join([*parts, self.scans])


def app1(payload: bytes) -> tuple[int, bytes]:
    """Return a segment of EXIF or XMP."""
    return _APP1, payload


def _segment(data: bytes, at: int) -> tuple[int, int, int]:
    """Return marker, start and end of the payload of the segment at `at`."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] in (0x00, 0xD8, 0xD9):
        raise InputError("the JPEG file is damaged or truncated")
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    if length < 2 or at + 2 + length > len(data):
        raise InputError("the JPEG file is damaged or truncated")
    return data[at + 1], at + 4, at + 2 + length


def _end_of_image(data: bytes, at: int) -> int:
    """Return where the picture ends, behind its EOI, from inside its first scan."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 2 > len(data):
            raise InputError("the JPEG file is truncated: it has no end")
        marker = data[at + 1]
        if marker == 0xD9:
            return at + 2
        if marker == 0xFF:
            at += 1
        elif marker == 0x00 or 0xD0 <= marker <= 0xD7:  # a byte of data, or a restart
            at += 2
        else:  # tables between the scans of a progressive file, or its next scan
            at = _segment(data, at)[2]


def _stays(marker: int, payload: bytes, keep_metadata: bool) -> bool:
    if not (_APP0 <= marker <= _APP15 or marker == _COM):
        return True
    if any(marker == known and payload.startswith(start) for known, start in _NEEDED):
        return True
    if not keep_metadata:
        return False
    return not payload.startswith((XMP, EXTENDED_XMP, _MULTI_PICTURE))
