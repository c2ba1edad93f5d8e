"""A small web server with the virtues and vices of real ones."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Manners:
    """What is served, and how."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: bool = True
    drops: list[int] = field(default_factory=list)
    """Each answer in turn breaks off after so many bytes."""
    answers: list[int] = field(default_factory=list)
    """Status of the first requests, instead of a file."""
    hub: bool = False
    """Hand over to /storage and state the checksum on the way, as a hub does."""
    lie: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of every request."""


class Handler(BaseHTTPRequestHandler):
    manners: Manners

    def do_GET(self) -> None:
        m, wish = self.manners, self.headers.get("Range", "")
        m.seen.append((self.path, wish))
        if m.answers:
            return self.reply(m.answers.pop(0), b"", {})
        body = m.files.get(self.path.rsplit("/", 1)[-1])
        if body is None:
            return self.reply(404, b"", {})
        if m.hub and not self.path.startswith("/storage"):
            linked = hashlib.sha256(b"other" if m.lie else body).hexdigest()
            place = f"/storage{self.path}"
            return self.reply(302, b"", {"Location": place, "X-Linked-Etag": f'"{linked}"'})
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        headers = {"ETag": tag} if m.etag else {}
        if wish and m.ranges and self.headers.get("If-Range", tag) == tag:
            start = int(wish.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return self.reply(416, b"", {})
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return self.reply(206, body[start:], headers)
        return self.reply(200, body, headers)

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body and self.manners.drops:
            self.wfile.write(body[: self.manners.drops.pop(0)])
            self.wfile.flush()
            self.connection.close()
            return
        with suppress(ConnectionError):  # who asked for a file that is too large hangs up on it
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(manners: Manners) -> Iterator[str]:
    """The server's address."""
    handler = type("Handler", (Handler,), {"manners": manners})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
