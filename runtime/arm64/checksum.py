"""Checksums of fetched files."""

import hashlib
from pathlib import Path

from ...reference.errors import InputError


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """Refuse a file with another content than expected.

    Raises:
        InputError: names the file and both checksums.
    """
    found = sha256_of(path)
    if found != expected:
        raise InputError(f"{path.name} has a wrong checksum: sha256 {found[:16]}…, expected {expected[:16]}…")
