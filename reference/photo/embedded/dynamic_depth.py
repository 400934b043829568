"""Dynamic Depth 1.0: pictures appended to a JPEG and listed in its XMP, what Android's cameras write.

Specification: developer.android.com/training/camera2/Dynamic-depth-v1.0.pdf (Google, 2019). The items lie one
behind the other at the end of the file, in the order of the directory.
"""

from xml.etree import ElementTree

from .depth import EmbeddedDepth, Frame, UnusableError
from .gdepth import ranged
from .pictures import read_grey
from .xmp import read_xmp

_ROOT = "http://ns.google.com/photos/dd/1.0/"
_DEPTH_MAP = f"{_ROOT}depthmap/"
# The directory's own namespaces: Dynamic Depth's, and those of the container by itself.
_ITEMS = (f"{_ROOT}item/", "http://ns.google.com/photos/1.0/container/item/")
_MOST_ITEMS = 100


def read_dynamic_depth(data: bytes, frame: Frame, notes: list[str]) -> EmbeddedDepth | None:
    """Read the first depth map of a Dynamic Depth photo; None if it has none.

    Raises:
        UnusableError: it has, damaged or in an encoding that is not known.
    """
    if _DEPTH_MAP.encode() not in data:
        return None
    trees = read_xmp(data, extended=True)
    elements = [element for tree in trees for element in tree.iter()]
    properties: dict[str, str] = {}
    for element in elements:
        properties = _properties(element, _DEPTH_MAP)
        if "Format" in properties:
            break
    else:
        return None
    items = [found for element in elements if (found := _item(element))]
    picture = _appended(data, items, properties.get("DepthURI", ""))
    wanted = {name: properties.get(name) for name in ("Format", "Near", "Far", "Units")}
    return ranged(wanted, read_grey(picture, frame, "Dynamic Depth map"), "dynamic-depth")


def _properties(element: ElementTree.Element, namespace: str) -> dict[str, str]:
    """Return the properties of a structure in one namespace, given as attributes or as elements."""
    start = f"{{{namespace}}}"
    found = {k[len(start) :]: v for k, v in element.attrib.items() if k.startswith(start)}
    for child in element:
        if isinstance(child.tag, str) and child.tag.startswith(start):
            found.setdefault(child.tag[len(start) :], (child.text or "").strip())
    return found


def _item(element: ElementTree.Element) -> dict[str, str]:
    for namespace in _ITEMS:
        found = _properties(element, namespace)
        if "Mime" in found:
            return found
    return {}


def _appended(data: bytes, items: list[dict[str, str]], address: str) -> bytes:
    """Cut the item of a `DataURI` (or the one that means depth) from the end of the file."""
    if len(items) > _MOST_ITEMS:
        raise UnusableError(f"its container lists {len(items)} items")
    end = len(data)
    for item in reversed(items[1:]):  # the first one is the photo
        length, padding = (_count(item.get(name, "0")) for name in ("Length", "Padding"))
        start = end - length
        if start < 0 or length < 1:
            raise UnusableError("its container states lengths that are not those of the file: was it cut?")
        if (address and item.get("DataURI") == address) or item.get("Semantic") == "Depth":
            return data[start:end]
        end = start - padding
    raise UnusableError(f"its container has no item {address[:40]!r} for the depth map")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise UnusableError(f"its container states the length {text[:20]!r}")
    return int(text)
