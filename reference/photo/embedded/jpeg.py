"""The segments before a JPEG's first scan, where its metadata lies (ITU-T T.81, annex B)."""

from collections.abc import Iterator

SOI = b"\xff\xd8"
APP1, APP2 = 0xE1, 0xE2
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_SOS, _EOI = 0xDA, 0xD9


def segments(data: bytes, start: int = 0) -> Iterator[tuple[int, int, bytes]]:
    """Yield (marker, place of the payload, payload) of the JPEG at `start`, as far as they are whole."""
    at = start + len(SOI)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (_SOS, _EOI) or length < 2 or at + 2 + length > len(data):
            return
        yield marker, at + 4, data[at + 4 : at + 2 + length]
        at += 2 + length
