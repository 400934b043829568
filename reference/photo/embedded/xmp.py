"""XMP of a JPEG as trees (Adobe, "XMP Specification Part 3: Storage in Files", section 1.1.3).

Expat is kept from what XML can do to a reader: a document type, hence entities, is refused, and so is a
packet of more elements or attributes than any program writes, which bounds the memory of its tree.
"""

from xml.etree import ElementTree

from .depth import UnusableError
from .jpeg import APP1, EXTENDED_XMP, XMP, segments

_NOTE = "{http://ns.adobe.com/xmp/note/}HasExtendedXMP"
_MOST_ELEMENTS, _MOST_ATTRIBUTES = 50_000, 100_000
_GUID = 32

Trees = list[ElementTree.Element]


def read_xmp(data: bytes, start: int = 0, extended: bool = False) -> Trees:
    """Return the packet of the JPEG at `start`, and its extension, as XML trees; none where there are none.

    Args:
        data: the file.
        start: of a JPEG in it.
        extended: read the extension too.

    Raises:
        UnusableError: damaged, incomplete, or not what XMP may be.
    """
    packets = [body[len(XMP) :] for marker, _, body in segments(data, start) if _is(marker, body, XMP)]
    if not packets:
        return []
    trees = [_parse(packets[0])]
    name = value(trees, _NOTE) if extended else None
    if name:
        trees.append(_parse(_extension(data, start, name.encode())))
    return trees


def value(trees: Trees, name: str) -> str | None:
    """Return a simple property, `{namespace}name`, which XMP keeps as attribute or as element."""
    for tree in trees:
        for element in tree.iter():
            if name in element.attrib:
                return element.attrib[name]
            if element.tag == name and element.text and element.text.strip():
                return element.text.strip()
    return None


def _is(marker: int, body: bytes, kind: bytes) -> bool:
    return marker == APP1 and body.startswith(kind)


def _extension(data: bytes, start: int, name: bytes) -> bytes:
    """Join the parts of the extension called `name`; what is joined is never more than the file has."""
    head = len(EXTENDED_XMP)
    parts: dict[int, bytes] = {}
    stated = 0
    for marker, _, body in segments(data, start):
        if _is(marker, body, EXTENDED_XMP + name) and len(body) > head + _GUID + 8:
            stated = int.from_bytes(body[head + _GUID : head + _GUID + 4], "big")
            parts[int.from_bytes(body[head + _GUID + 4 : head + _GUID + 8], "big")] = body[head + _GUID + 8 :]
    pieces, length = [], 0
    for offset in sorted(parts):
        if offset == length:
            pieces.append(parts[offset])
            length += len(parts[offset])
    if not pieces or length != stated:
        raise UnusableError(f"its extended XMP is incomplete ({length} bytes of {stated})")
    return b"".join(pieces)


def _parse(packet: bytes) -> ElementTree.Element:
    try:
        text = packet.decode("utf-8-sig").strip("\0 \t\r\n")
    except UnicodeDecodeError as error:
        raise UnusableError("its XMP metadata is damaged (no UTF-8)") from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnusableError("its XMP metadata declares a document type, which is not read")
    if text.count("<") > 2 * _MOST_ELEMENTS or text.count("=") > _MOST_ATTRIBUTES:
        raise UnusableError("its XMP metadata has more elements than any photo's")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UnusableError(f"its XMP metadata is damaged ({reason})") from error
