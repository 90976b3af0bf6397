"""Fetching a model file from the web, so that the file with its name is always the whole and right one.

Bytes go to ``NAME.part``; a connection that breaks is taken up where it ended, now or after a restart, if the server
still has the same file. Only after the checksum does the file get its name. Nothing in here trusts the server: not
its size, not that it goes on sending, not that what it sends is a model.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.atomic import storage_error
from engine.errors import ChangedDownloadError, DownloadError, StorageError, printable
from engine.file_lock import held_alone
from engine.file_size import in_words
from engine.partial_file import FileMark, PartialFile
from engine.web_stream import Cutter, ServerCutError, WebStream, check_address, open_stream

MAX_BYTES = 16 << 30
MARGIN_BYTES = 256 << 20
"""Room that stays free on the disk; the conversion of the model needs it next."""

STALL_S = 30.0
DRIP_BYTES = 4096
"""A server that sends less in twice the time that it may be silent is as good as silent."""

DOWNLOADING = "Downloading"
RETRIES = 5
"""Tries in a row that bring nothing."""

MAX_TRIES = 200
READ_BYTES = 1 << 18
REPORT_S = 0.1
_HEAD_BYTES = 512
_SPEED_S = 5.0
_MAX_WAIT_S = 60.0
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSALS = {
    401: "it wants a login",
    403: "it does not let everybody have this file",
    404: "the file is not there",
    410: "the file is not there any more",
    451: "the file was taken down for legal reasons",
}
_SUFFIXES = (".safetensors", ".pkl", ".pt", ".pth", ".ckpt")


class DownloadCancelled(Exception):  # noqa: N818 - control flow, never shown
    """The user stopped it. The bytes so far stay."""


@dataclass(frozen=True, slots=True)
class DownloadOrder:
    """What to fetch.

    Attributes:
        folder: Where it goes; made if need be.
        name: What it is called in messages.
        sha256: As its maker publishes it; None when they do not.
        first_sha256: What the address gave the first time; None on the first time, or to accept another file.
    """

    url: str
    folder: Path
    name: str
    sha256: str | None = None
    first_sha256: str | None = None
    max_bytes: int = MAX_BYTES

    @property
    def part(self) -> PartialFile:
        """Where its bytes are until it is whole."""
        mark = hashlib.sha256(self.url.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return PartialFile(self.folder, f"{file_name(self.url)}.{mark}")


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """Attributes:
    total: Bytes of the whole file, when the server says so.
    speed: Bytes per second over the last seconds; 0 before anything came.
    """

    text: str
    done: int
    total: int | None = None
    speed: float = 0.0

    @property
    def fraction(self) -> float | None:
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def remaining_s(self) -> float | None:
        return max(0, self.total - self.done) / self.speed if self.total and self.speed > 0 else None


@dataclass(frozen=True, slots=True)
class Fetched:
    path: Path
    sha256: str
    size: int


class Download:
    """One file. `run` blocks; `cancel` may be called from any thread.

    Args:
        report: Told how far it is, at most ten times a second.
        stall_s: How long the server may be silent.
        first_wait_s: How long to wait before the second try; doubles with every further one.
    """

    def __init__(
        self,
        order: DownloadOrder,
        report: Callable[[DownloadProgress], None] = lambda progress: None,
        *,
        stall_s: float = STALL_S,
        first_wait_s: float = 1.0,
    ) -> None:
        self._order = order
        self._report = report
        self._stall_s = stall_s
        self._first_wait_s = first_wait_s
        self._cutter = Cutter()
        self._part = order.part
        self._speed = _Speed()
        self._told_at = 0.0
        self._retry_after_s = 0.0

    def cancel(self) -> None:
        self._cutter.cut()

    def run(self) -> Fetched:
        """Fetch it.

        Raises:
            DownloadError: the server does not give it, or gives something else.
            ChangedDownloadError: it is another file than the first time. It lies ready for one that accepts it.
            StorageError: it cannot be written; there is too little room.
            DownloadCancelled: what has come lies ready to be taken up.
        """
        check_address(self._order.url)
        try:
            self._order.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with held_alone(self._part.lock_path) as is_ours:
                if not is_ours:
                    raise DownloadError(
                        f"Another Graft is downloading {printable(self._order.name, 80)} just now.", "Wait for it."
                    )
                try:
                    return self._run()
                finally:
                    self._part.close()
        except OSError as error:
            raise storage_error(f"download to {self._order.folder}", error) from error

    def _run(self) -> Fetched:
        self._part.open(self._order.url, self._checking)
        failures = tries = 0
        while not self._is_whole:
            tries += 1
            before = self._part.size
            try:
                self._transfer()
            except ServerCutError as error:
                self._stop_if_cancelled()
                failures = 1 if self._part.size > before else failures + 1
                if failures > RETRIES or tries >= MAX_TRIES:
                    raise self._given_up(error) from error
                wait_s = max(min(self._first_wait_s * 2 ** (failures - 1), _MAX_WAIT_S), self._retry_after_s)
                self._tell(f"{str(error).capitalize()}. Trying again", always=True)
                if self._cutter.wait(wait_s):
                    raise DownloadCancelled from error
        return self._finish()

    @property
    def _is_whole(self) -> bool:
        mark = self._part.mark
        return mark is not None and mark.total is not None and self._part.size == mark.total > 0

    # --- one connection -------------------------------------------------------------------------------------------

    def _transfer(self) -> None:
        """Fetch what is missing, or as much of it as comes."""
        part, mark = self._part, self._part.mark
        assert mark is not None
        headers: dict[str, str] = {}
        if part.size and (mark.validator or self._order.sha256):
            headers["Range"] = f"bytes={part.size}-"
            if mark.validator:
                headers["If-Range"] = mark.validator
        self._tell("Connecting", always=True)
        with open_stream(self._order.url, headers, self._stall_s, self._cutter) as stream:
            self._check_answer(stream)
            self._place(stream)
            self._check_room()
            self._receive(stream)

    def _check_answer(self, stream: WebStream) -> None:
        host = printable(urlsplit(stream.url).hostname or "", 60)
        self._retry_after_s = 0.0
        if stream.status == 416:  # what is here is not part of what is there
            self._part.begin(FileMark(self._order.url))
            raise ServerCutError("the file on the server has changed")
        if stream.status in _RETRIED:
            asked = stream.header("Retry-After")
            self._retry_after_s = min(_MAX_WAIT_S, float(asked)) if asked.isascii() and asked.isdigit() else 0.0
            raise ServerCutError(f"{host} is busy (HTTP {stream.status})")
        if stream.status not in (200, 206):
            reason = _REFUSALS.get(stream.status, f"HTTP {stream.status}")
            raise DownloadError(
                f"{host} does not give {printable(self._order.name, 60)}: {reason}.",
                "Look at the maker's page in a browser: the file may have moved.",
            )
        if stream.header("Content-Type").lower().startswith("text/html"):
            raise self._web_page()
        if stream.header("Content-Encoding").lower() not in ("", "identity"):
            raise DownloadError("The server sends the file packed in a way that was not asked for.")

    def _place(self, stream: WebStream) -> None:
        """Go on behind the bytes that are here, if they belong together; otherwise begin again."""
        part = self._part
        etag = stream.header("ETag")
        mark = FileMark(
            self._order.url,
            "" if etag.startswith("W/") else printable(etag, 200),
            printable(stream.header("Last-Modified"), 100),
            _length(stream, part.size),
        )
        if stream.status == 200:
            part.begin(mark)
            return
        first = _range_start(stream)
        if first != part.size or part.mark is None or not part.mark.may_continue(mark):
            part.begin(FileMark(self._order.url))
            raise ServerCutError("the file on the server has changed")

    def _check_room(self) -> None:
        part, limit = self._part, self._order.max_bytes
        total = part.mark.total if part.mark else None
        if total is not None and total > limit:
            raise DownloadError(
                f"The file has {in_words(total)}, more than the {in_words(limit)} that Graft downloads.",
                "Check the address; a model is rarely larger than 2 GB.",
            )
        if total == 0:
            raise DownloadError("The server sent an empty file.", "Try again later, or look at the maker's page.")
        missing = (total or 0) - part.size
        free = shutil.disk_usage(self._order.folder).free
        if free < missing + MARGIN_BYTES:
            raise StorageError(
                f"There is too little room for {printable(self._order.name, 60)}: it needs {in_words(missing)} more, "
                f"and {in_words(free)} are free on the disk.",
                "Free some space, then resume.",
            )

    def _receive(self, stream: WebStream) -> None:
        part = self._part
        total = part.mark.total if part.mark else None
        slow_since, came = time.monotonic(), 0
        while total is None or part.size < total:
            self._stop_if_cancelled()
            block = stream.read(READ_BYTES if total is None else min(READ_BYTES, total - part.size))
            self._stop_if_cancelled()
            if not block:
                if total is not None:
                    raise ServerCutError("the connection was cut")
                if not part.size:
                    raise DownloadError("The server sent an empty file.", "Try again later.")
                part.set_total()
                break
            if part.size + len(block) > self._order.max_bytes:
                part.discard()
                raise DownloadError(
                    f"The server goes on sending after {in_words(self._order.max_bytes)}, the most that Graft takes."
                )
            if part.size == 0 and _is_text(block):
                raise self._web_page()
            part.append(block)
            came += len(block)
            if came >= DRIP_BYTES:
                slow_since, came = time.monotonic(), 0
            elif time.monotonic() - slow_since > 2 * self._stall_s:
                raise ServerCutError("the server only drips")
            self._speed.add(len(block))
            self._tell(DOWNLOADING)

    # --- the end --------------------------------------------------------------------------------------------------

    def _finish(self) -> Fetched:
        part, order = self._part, self._order
        self._tell("Checking", always=True)
        sha256, size = part.sha256, part.size
        if order.sha256 is not None and sha256 != order.sha256:
            part.discard()
            raise DownloadError(
                f"What came is not the file that its maker published: its SHA-256 begins with {sha256[:12]}, not "
                f"{order.sha256[:12]}. It was deleted.",
                "Try again; if it happens twice, do not trust the address.",
            )
        if order.sha256 is None and order.first_sha256 not in (None, sha256):
            raise ChangedDownloadError(
                f"This address gave another file the first time: its SHA-256 began with {order.first_sha256[:12]}, "
                f"now with {sha256[:12]}.",
                "The maker may have replaced it. Accept it only if you trust the address.",
            )
        target = _free_path(order.folder, file_name(order.url), part.head(8))
        part.move_to(target)
        return Fetched(target, sha256, size)

    def _given_up(self, error: ServerCutError) -> DownloadError:
        kept = f" {in_words(self._part.size)} are kept." if self._part.size else ""
        return DownloadError(
            f"{printable(self._order.name, 80)} was not downloaded: {error}.{kept}",
            "Check the connection, then resume.",
        )

    def _web_page(self) -> DownloadError:
        self._part.discard()
        return DownloadError(
            f"The address of {printable(self._order.name, 60)} gave a web page, not a model file.",
            "Open it in a browser: it may ask for a click or a login first. Then drop the file on the window.",
        )

    # --- telling --------------------------------------------------------------------------------------------------

    def _checking(self, done: int) -> None:
        self._stop_if_cancelled()
        self._tell("Looking at what is here", done=done)

    def _tell(self, text: str, *, done: int | None = None, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._told_at >= REPORT_S:
            self._told_at = now
            total = self._part.mark.total if self._part.mark else None
            self._report(DownloadProgress(text, self._part.size if done is None else done, total, self._speed.now()))

    def _stop_if_cancelled(self) -> None:
        if self._cutter.is_cut:
            raise DownloadCancelled


class _Speed:
    """Bytes per second over the last few seconds."""

    def __init__(self) -> None:
        self._came: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        now = time.monotonic()
        self._came.append((now, count))
        while now - self._came[0][0] > _SPEED_S:
            self._came.popleft()

    def now(self) -> float:
        if len(self._came) < 2:
            return 0.0
        elapsed = time.monotonic() - self._came[0][0]
        return sum(count for _, count in list(self._came)[1:]) / elapsed if elapsed > 0 else 0.0


def file_name(url: str) -> str:
    """A safe file name for what an address gives."""
    last = unquote(urlsplit(url).path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = re.sub(r"[^\w.() +-]", "_", printable(last, 100)).strip(". ")
    return clean or "model"


def _free_path(folder: Path, name: str, head: bytes) -> Path:
    """A path that nothing has, with the suffix of a model file."""
    stem, suffix = Path(name).stem, Path(name).suffix
    if suffix.lower() not in _SUFFIXES:
        stem, suffix = name, ".pt" if head.startswith(b"PK") else ".pkl" if head[:1] == b"\x80" else ".safetensors"
    path, number = folder / f"{stem}{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem} {number}{suffix}"
    return path


def _length(stream: WebStream, offset: int) -> int | None:
    """Bytes of the whole file."""
    if stream.status == 206:
        total = stream.header("Content-Range").rpartition("/")[2]
        return int(total) if total.isascii() and total.isdigit() else None
    text = stream.header("Content-Length")
    return int(text) if text.isascii() and text.isdigit() and not stream.is_chunked else None


def _range_start(stream: WebStream) -> int | None:
    found = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d+|\*)", stream.header("Content-Range"))
    return int(found[1]) if found else None


def _is_text(head: bytes) -> bool:
    """Whether a file begins like a web page or an error in JSON; a model never does."""
    begin = head[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return begin.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b'{"')) and b"\0" not in begin[:16]
