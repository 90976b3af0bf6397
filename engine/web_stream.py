"""One answer of a web server, as a stream. HTTPS only; plain HTTP to this very computer, for tests.

The standard library's `http.client` rather than `urllib.request`: whoever cancels shuts the socket, so that a reader
that waits for a silent server wakes up at once.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from engine.errors import DownloadError, printable

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_AGENT = "Graft"


class ServerCutError(Exception):
    """The connection failed or ended too soon: trying again may help. Its text is a clause."""


class Cutter:
    """Ends, from another thread, whatever the connection waits for."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = threading.Event()

    @property
    def is_cut(self) -> bool:
        return self._is_cut.is_set()

    def cut(self) -> None:
        with self._guard:
            self._is_cut.set()
            if self._socket is not None:
                _shut(self._socket)

    def wait(self, seconds: float) -> bool:
        """Wait, unless it is cut. True when it was."""
        return self._is_cut.wait(seconds)

    def guard(self, connected: socket.socket | None) -> None:
        with self._guard:
            self._socket = connected
            if connected is not None and self._is_cut.is_set():
                _shut(connected)


class WebStream:
    """An open answer; a context manager.

    Attributes:
        status: HTTP status.
        url: Where redirects led.
    """

    def __init__(self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection, url: str) -> None:
        self._response = response
        self._connection = connection
        self.status = response.status
        self.url = url

    def __enter__(self) -> WebStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._response.close()
        self._connection.close()

    def header(self, name: str) -> str:
        return (self._response.getheader(name) or "").strip()

    @property
    def is_chunked(self) -> bool:
        return "chunked" in self.header("Transfer-Encoding").lower()

    def read(self, most: int) -> bytes:
        """What has come, at most so many bytes; empty at the end.

        Raises:
            ServerCutError: the connection broke or the server fell silent.
        """
        try:
            return self._response.read1(most)
        except TimeoutError as error:
            raise ServerCutError("the server stopped sending") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerCutError("the connection broke") from error


def check_address(url: str) -> str:
    """An address that Graft would fetch from, as it was.

    Raises:
        DownloadError: it is none, or not a safe one.
    """
    shown = printable(url, 80)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for what is none
    except ValueError as error:
        raise DownloadError(f"“{shown}” is no web address.", "It begins with https://") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or any(ord(ch) <= 32 for ch in url):
        raise DownloadError(f"“{shown}” is no web address.", "It begins with https://")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise DownloadError(f"“{shown}” is not encrypted: anyone on the way could change the file.", "Use https://")
    if parts.username is not None or parts.password is not None:
        raise DownloadError("An address with a name and password in it is not fetched.", "Download it in a browser.")
    return url


def open_stream(url: str, headers: Mapping[str, str], timeout_s: float, cutter: Cutter) -> WebStream:
    """Ask for a file, following redirects, none of which may leave HTTPS.

    Raises:
        ServerCutError: no answer; trying again may help.
        DownloadError: it leads to where Graft does not follow.
    """
    for _ in range(MAX_REDIRECTS + 1):
        stream = _ask(url, headers, timeout_s, cutter)
        if stream.status not in _REDIRECTS:
            return stream
        with stream:
            target = stream.header("Location")
        if not target:
            raise DownloadError("The server sends elsewhere without saying where.")
        following = urljoin(url, target)
        if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
            raise DownloadError(
                f"The server sends on to an address that is not encrypted: {printable(following, 80)}",
                "Graft does not follow there: anyone on the way could change the file.",
            )
        url = check_address(following)
    raise DownloadError(f"The server sends on from one address to the next, more than {MAX_REDIRECTS} times.")


def _ask(url: str, headers: Mapping[str, str], timeout_s: float, cutter: Cutter) -> WebStream:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **headers}
    try:
        connection = _connection(parts, timeout_s)
        try:
            connection.connect()
            cutter.guard(connection.sock)
            connection.request("GET", path, headers=sent)
            return WebStream(connection.getresponse(), connection, url)
        except BaseException:
            cutter.guard(None)
            connection.close()
            raise
    except ssl.SSLCertVerificationError as error:
        raise DownloadError(
            f"{printable(parts.hostname or '', 80)} cannot prove that it is what it says: {error.verify_message}.",
            "Check this computer's date, and whether something stands between it and the network.",
        ) from error
    except TimeoutError as error:
        raise ServerCutError("the server does not answer") from error
    except socket.gaierror as error:
        raise ServerCutError(f"{printable(parts.hostname or '', 80)} was not found on the network") from error
    except UnicodeError as error:
        raise DownloadError(f"“{printable(url, 80)}” is no web address.") from error
    except (OSError, http.client.HTTPException) as error:
        raise ServerCutError("the server cannot be reached") from error


def _connection(parts: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port or 80, timeout=timeout_s)
    context = ssl.create_default_context()
    proxy = getproxies().get("https", "")
    if not proxy or proxy_bypass(host):
        return http.client.HTTPSConnection(host, port or 443, timeout=timeout_s, context=context)
    over = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    proxy_port = over.port or 8080
    connection = http.client.HTTPSConnection(over.hostname or "", proxy_port, timeout=timeout_s, context=context)
    login = {}
    if over.username is not None:
        pair = f"{unquote(over.username)}:{unquote(over.password or '')}"
        login["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    connection.set_tunnel(host, port or 443, login)
    return connection


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
