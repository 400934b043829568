"""Depth that a photo carries in its own file: portrait photos of phones, and what depth editors write.

One module a container. The files are untrusted: sizes are judged before anything is allocated, XML knows no
entities, nothing is executed, and of all metadata only what describes the depth is kept.
"""

from .depth import EmbeddedDepth, Search
from .find import find_embedded_depth, search_embedded_depth

__all__ = ["EmbeddedDepth", "Search", "find_embedded_depth", "search_embedded_depth"]
