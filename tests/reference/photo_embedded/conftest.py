"""Portrait photos as phones write them, made by hand: the layout of each container by a plain second hand."""

import base64
import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

HEIGHT, WIDTH = 48, 64
PLACE = b"48 deg 51'"


def ramp(height: int = HEIGHT // 2, width: int = WIDTH // 2) -> np.ndarray:
    """Grey of 8 bits that tells every turn and mirror from the others: 0 to 255, no two corners alike."""
    y, x = np.mgrid[:height, :width]
    return np.rint(255 * (x / (width - 1) * 0.75 + y / (height - 1) * 0.25)).astype(np.uint8)


def encoded(pixels: np.ndarray, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"quality": 98} if kind == "JPEG" else {}), **options)
    return buffer.getvalue()


def photo_bytes(orientation: int = 1, height: int = HEIGHT, width: int = WIDTH) -> bytes:
    """A JPEG with a place in its EXIF."""
    exif = Image.Exif()
    exif[0x010F] = "Maker of " + PLACE.decode()
    exif[0x0112] = orientation
    blocks = np.random.default_rng(3).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return encoded(blocks.repeat(8, 0).repeat(8, 1), exif=exif, comment=b"private " + PLACE)


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


def xmp_segment(jpeg: bytes, description: str) -> bytes:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        f'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{description}</rdf:RDF></x:xmpmeta>'
    )
    return with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode())


def apple_aux(grey: np.ndarray, **properties: object) -> bytes:
    """An auxiliary JPEG with Apple's XMP."""
    values = "".join(f"<apdi:{name}>{value}</apdi:{name}>" for name, value in properties.items())
    start = '<rdf:Description rdf:about="" xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/">'
    return xmp_segment(encoded(grey), f"{start}{values}</rdf:Description>")


def apple_photo(*others: bytes, orientation: int = 1, order: str = ">", photo: bytes = b"") -> bytes:
    """A JPEG with further pictures behind it and their MPF index."""
    photo = photo or photo_bytes(orientation)
    entries = 1 + len(others)
    fixed = 4 + 8 + 2 + 12 + 4  # "MPF\0", TIFF header, one field, no next directory
    length = len(photo) + 4 + fixed + 16 * entries
    base = 2 + 4 + 4  # SOI, marker and length, "MPF\0"
    table, at = struct.pack(order + "IIIHH", 0x030000, length, 0, 0, 0), length
    for other in others:
        table += struct.pack(order + "IIIHH", 0, len(other), at - base, 0, 0)
        at += len(other)
    head = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, 8)
    field = struct.pack(order + "HHHIII", 1, 0xB002, 7, len(table), 26, 0)
    return with_segment(photo, 0xE2, b"MPF\0" + head + field + table) + b"".join(others)


def disparity_aux(grey: np.ndarray, **changed: object) -> bytes:
    stated = {"AuxiliaryImageType": "disparity", "FloatMinValue": 0.5, "FloatMaxValue": 2.5}
    return apple_aux(grey, **(stated | {"StoredFormat": int.from_bytes(b"L008", "big")} | changed))


def gdepth_photo(picture: bytes, orientation: int = 1, **properties: str) -> bytes:
    """A JPEG with GDepth in the packet itself."""
    stated = {"Format": "RangeInverse", "Near": "0.5", "Far": "10", "Mime": "image/png"} | properties
    stated["Data"] = base64.b64encode(picture).decode()
    values = " ".join(f'GDepth:{name}="{value}"' for name, value in stated.items())
    space = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
    return xmp_segment(photo_bytes(orientation), f'<rdf:Description rdf:about="" {space} {values}/>')


def extended_gdepth_photo(picture: bytes, part: int, drop: int | None = None) -> bytes:
    """A JPEG with the data in an extension of several segments, the last segment first."""
    space = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    data = base64.b64encode(picture).decode().rstrip("=")
    whole = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {rdf}><rdf:Description {space} '
        f'GDepth:Data="{data}"/></rdf:RDF></x:xmpmeta>'
    ).encode()
    name = hashlib.md5(whole).hexdigest().upper()
    jpeg = photo_bytes()
    for index, offset in enumerate(range(0, len(whole), part)):
        if index == drop:
            continue
        place = struct.pack(">II", len(whole), offset)
        head = b"http://ns.adobe.com/xmp/extension/\0" + name.encode()
        jpeg = with_segment(jpeg, 0xE1, head + place + whole[offset : offset + part])
    stated = 'GDepth:Format="RangeInverse" GDepth:Near="1" GDepth:Far="4"'
    note = f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{name}"'
    return xmp_segment(jpeg, f"<rdf:Description {space} {stated} {note}/>")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write bytes into a file."""

    def written(data: bytes, name: str = "photo.jpg") -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return written


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The functions that make such photos."""
    functions = (
        ramp, encoded, photo_bytes, with_segment, xmp_segment, apple_aux, apple_photo, disparity_aux,
        gdepth_photo, extended_gdepth_photo,
    )  # fmt: skip
    return SimpleNamespace(**{function.__name__: function for function in functions}, place=PLACE)
