"""A server on this machine that misbehaves on request."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Server:
    """What it serves and how, and what it was asked.

    Attributes:
        files: content by path.
        ranges: whether it honours Range.
        breaks_after: sends only so many bytes of the body, then hangs up.
        declares: the Content-Length it states; None the true one, 0 none at all.
        redirects: places that it sends a path to.
        hangs: says nothing more after the body, until the test is over.
        asked: the path and Range of every request.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    breaks_after: int | None = None
    declares: int | None = None
    redirects: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's settings say."""

    settings: Server

    def do_GET(self) -> None:
        server, asked = self.settings, self.headers.get("Range")
        server.asked.append((self.path, asked))
        if self.path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[self.path])
            self.end_headers()
            return
        if self.path not in server.files:
            self.send_error(404)
            return
        body = server.files[self.path]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        if start and start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        body = body[start:]
        if server.declares != 0:
            self.send_header("Content-Length", str(server.declares or len(body)))
        self.end_headers()
        self.wfile.write(body[: server.breaks_after])
        if server.hangs:
            server.over.wait()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    settings = Server()
    handler = type("Settled", (Handler,), {"settings": settings})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    settings.address = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield settings
    settings.over.set()
    listening.shutdown()
    thread.join()
    listening.server_close()
