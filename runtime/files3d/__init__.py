"""Files that other programs open, from a layered depth image."""

from .formats import FORMATS, FileFormat, choose, format_of, write, write_files
from .pinhole import Pinhole

__all__ = ["FORMATS", "FileFormat", "Pinhole", "choose", "format_of", "write", "write_files"]
