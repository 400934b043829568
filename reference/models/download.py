"""One file over the network: resumable, bounded, checked, and in its place only when it is whole."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ..errors import InputError
from ..progress import track

# Bytes read at a time.
CHUNK = 1 << 18
# A server that says nothing for this long is gone.
TIMEOUT_S = 30.0
# No network that a phone runs is larger; what a server says of itself is not trusted.
LARGEST_FILE = 1 << 30

# A file that is still being fetched; it stays when the connection breaks, for the next try to go on from.
PART = ".part"

_RANGE_NOT_SATISFIABLE = 416


class _SameSecurity(urllib.request.HTTPRedirectHandler):
    """Follows a redirect from https only to https."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        allowed = ("https",) if urlsplit(req.full_url).scheme == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in allowed:
            raise InputError(f"{req.full_url} redirects to {newurl}: only https is followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    url: str,
    target: Path,
    sha256: str | None,
    size: int | None = None,
    schemes: tuple[str, ...] = ("https",),
) -> str:
    """Fetch `url` into `target`; what was there is replaced, once the new file is whole and right.

    Args:
        url: where from.
        target: the file to write; its folder exists.
        sha256: what the file must be; None checks nothing, and never resumes an earlier try.
        size: bytes the file must have; None allows any number up to `LARGEST_FILE`.
        schemes: those of `url` that are allowed.

    Returns:
        The file's sha256.

    Raises:
        InputError: the URL's scheme, no answer, a broken connection (the part stays, to go on from), too many
            bytes or the wrong ones (the part is removed), or the target cannot be written.
    """
    if urlsplit(url).scheme not in schemes:
        raise InputError(f"cannot fetch {url}: only {' and '.join(schemes)} URLs are allowed")
    part = target.with_name(target.name + PART)
    try:
        if sha256 is None or (part.exists() and part.stat().st_size > (size or LARGEST_FILE)):
            part.unlink(missing_ok=True)
        _fetch(url, part, size)
        return _accept(url, part, target, sha256)
    except (http.client.HTTPException, OSError) as error:
        raise InputError(_explain(url, target, error)) from error


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, part: Path, size: int | None) -> None:
    """Fill `part` up to the file's end, from where an earlier try stopped if the server can."""
    limit = size or LARGEST_FILE
    start = part.stat().st_size if part.exists() else 0
    if start and start == size:
        return
    with _open(url, start) as response:
        if response is None:  # The part already reaches the end, as far as the server knows it.
            return
        if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            mode = "ab"
        else:
            start, mode = 0, "wb"
        length = response.headers.get("Content-Length", "")
        end = start + int(length) if length.isdecimal() else None
        if end is not None and end > limit:
            part.unlink(missing_ok=True)
            raise InputError(f"{url} would be {end} bytes, and {limit} are allowed: nothing was fetched")
        written = start
        with part.open(mode) as file:
            total = None if end is None else -(-(end - start) // CHUNK)
            for chunk in track(_chunks(response), part.name.removesuffix(PART), total):
                written += len(chunk)
                if written > limit:
                    break
                file.write(chunk)
    if written > limit:
        part.unlink(missing_ok=True)
        raise InputError(f"{url} is larger than the {limit} bytes that are allowed: it was removed")
    if end is not None and written < end:
        raise ConnectionError(f"the connection ended after {written} of {end} bytes")


@contextmanager
def _open(url: str, start: int) -> Iterator[Any]:
    """Give the response to a request from byte `start` on; None if there is nothing after it."""
    request = urllib.request.Request(url, headers={"User-Agent": "ldikit", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.build_opener(_SameSecurity).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if not start or error.code != _RANGE_NOT_SATISFIABLE:
                raise
        yield None
        return
    with response:
        yield response


def _chunks(response: IO[bytes]) -> Iterator[bytes]:
    """Yield what a server sends."""
    while chunk := response.read(CHUNK):
        yield chunk


def _accept(url: str, part: Path, target: Path, sha256: str | None) -> str:
    """Put a whole file in its place if it is the right one; remove it if not."""
    found = file_sha256(part)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise InputError(
            f"{url} gave another file than the published one (sha256 {found}, not {sha256}): it was removed"
        )
    part.replace(target)
    return found


def _explain(url: str, target: Path, error: Exception) -> str:
    """Say in one line what broke and what to do."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{url} answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"cannot reach {url}: {error.reason}"
    if isinstance(error, ConnectionError | TimeoutError | http.client.HTTPException):
        return f"{url} broke off ({error or type(error).__name__}): try again to go on from there"
    return f"cannot write {target}: {getattr(error, 'strerror', None) or error}"
