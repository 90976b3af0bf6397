"""A web server on this computer that sends what a test says, cuts, stalls and lies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHUNK = 8192


@dataclass
class Answer:
    """What one request gets.

    Attributes:
        claimed: Content-Length; by default the truth, -1 for none at all.
        cut_after: Bytes of the body after which the connection breaks.
        stall_after: Bytes of the body after which nothing more comes until the server is closed.
        pause_s: After every chunk.
        chunk: Bytes that are sent at once.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    claimed: int | None = None
    cut_after: int | None = None
    stall_after: int | None = None
    pause_s: float = 0.0
    chunk: int = CHUNK


Responder = Callable[[int, Any], Answer]
"""From the number of the request, from 0 up, and its headers."""


class Loopback:
    def __init__(self, respond: Responder) -> None:
        self.requests: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.stalled = threading.Event()
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                number = len(outer.requests)
                outer.requests.append(dict(self.headers.items()))
                outer.paths.append(self.path)
                try:
                    outer.send(self, respond(number, self))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.send_response(answer.status)
        claimed = len(answer.body) if answer.claimed is None else answer.claimed
        if claimed >= 0:
            handler.send_header("Content-Length", str(claimed))
        else:
            handler.send_header("Connection", "close")
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        stops = [stop for stop in (answer.cut_after, answer.stall_after) if stop is not None]
        end = min([len(answer.body), *stops])
        for start in range(0, end, answer.chunk):
            handler.wfile.write(answer.body[start : min(end, start + answer.chunk)])
            if answer.pause_s and self.closing.wait(answer.pause_s):
                return
        handler.wfile.flush()
        if answer.stall_after is not None:
            self.stalled.set()
            self.closing.wait(20.0)
        if answer.cut_after is not None or answer.stall_after is not None or claimed != len(answer.body):
            handler.close_connection = True

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)


@contextmanager
def serving(respond: Responder) -> Iterator[Loopback]:
    server = Loopback(respond)
    try:
        yield server
    finally:
        server.close()


def ranged(handler: Any, content: bytes, etag: str = '"v1"', **how: Any) -> Answer:
    """As a good server answers: the part that was asked for, if it is still the same file."""
    wanted, if_range = handler.headers.get("Range"), handler.headers.get("If-Range")
    headers = {"ETag": etag} if etag else {}
    if wanted is None or (if_range is not None and if_range != etag):
        return Answer(content, headers=headers, **how)
    first = int(wanted.removeprefix("bytes=").rstrip("-"))
    headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
    return Answer(content[first:], 206, headers, **how)


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    event = threading.Event()
    while not true():
        assert time.monotonic() < end, "it took too long"
        event.wait(0.005)
