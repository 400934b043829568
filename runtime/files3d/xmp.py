"""XMP metadata in JPEG segments (Adobe, "XMP Specification Part 3: Storage in Files", section 1.1.3)."""

import hashlib

from .jpeg import EXTENDED_XMP, MAX_PAYLOAD, XMP, app1

_HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="ldikit">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
)
_TAIL = "</rdf:RDF></x:xmpmeta>"
_NOTE = 'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
# Header, the MD5 in hexadecimal, full length and offset stand before each part.
_PART = MAX_PAYLOAD - len(EXTENDED_XMP) - 32 - 8


def description(namespaces: dict[str, str], properties: dict[str, str], content: str = "") -> str:
    """Return an `rdf:Description`.

    Args:
        namespaces: prefix → address.
        properties: `prefix:name` → value that needs no escaping (numbers, words, base64).
        content: XML inside of it.
    """
    names = [f'xmlns:{prefix}="{address}"' for prefix, address in namespaces.items()]
    values = [f'{name}="{value}"' for name, value in properties.items()]
    return f'<rdf:Description rdf:about="" {" ".join(names + values)}>{content}</rdf:Description>'


def segments(small: str, large: str | None = None) -> list[tuple[int, bytes]]:
    """Return the segments of an XMP packet, and of its extension for what is above 64 kB.

    Args:
        small: `description`s of the packet itself.
        large: those of the extension; each reader joins them by the packet's `xmpNote:HasExtendedXMP`.
    """
    parts = []
    if large is not None:
        extension = (_HEAD + large + _TAIL).encode()
        name = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
        small += f'<rdf:Description rdf:about="" {_NOTE} xmpNote:HasExtendedXMP="{name}"/>'
        for offset in range(0, len(extension), _PART):
            place = len(extension).to_bytes(4, "big") + offset.to_bytes(4, "big")
            parts.append(app1(EXTENDED_XMP + name.encode() + place + extension[offset : offset + _PART]))
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        + _HEAD
        + small
        + _TAIL
        + '<?xpacket end="r"?>'
    )
    return [app1(XMP + packet.encode()), *parts]


def fits(text: str) -> bool:
    """Say whether descriptions are short enough for the packet itself."""
    return len(text.encode()) < MAX_PAYLOAD - 1024
