"""Downloads beside the window, each on a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal, Slot

from engine.download import Download, DownloadCancelled, DownloadOrder, DownloadProgress, Fetched
from engine.errors import EngineError
from engine.failures import as_engine_error

AT_ONCE = 2
JOIN_S = 3.0

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Running:
    download: Download
    thread: threading.Thread


class Transfers(QObject):
    """At most `AT_ONCE` run, the others wait. An address is fetched once at a time."""

    begun = Signal(str)  # url
    progressed = Signal(str, object)  # url, DownloadProgress
    fetched = Signal(str, object)  # url, Fetched
    failed = Signal(str, object)  # url, EngineError
    stopped = Signal(str)  # url: what came is kept

    _told = Signal(str, object)
    _ended = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: dict[str, _Running] = {}
        self._waiting: deque[DownloadOrder] = deque()
        self._is_closed = False
        self._told.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._end, Qt.ConnectionType.QueuedConnection)

    def is_busy(self, url: str) -> bool:
        """Whether it runs or waits for its turn."""
        return url in self._running or any(order.url == url for order in self._waiting)

    @property
    def urls(self) -> tuple[str, ...]:
        """Of all that run or wait."""
        return (*self._running, *(order.url for order in self._waiting))

    def start(self, order: DownloadOrder) -> None:
        if self._is_closed or self.is_busy(order.url):
            return
        self._waiting.append(order)
        self.progressed.emit(order.url, DownloadProgress("Waiting", 0))
        self._next()

    def stop(self, url: str) -> None:
        """Let go of it; what has come stays and can be taken up."""
        running = self._running.get(url)
        if running is not None:
            running.download.cancel()
            return
        before = len(self._waiting)
        self._waiting = deque(order for order in self._waiting if order.url != url)
        if len(self._waiting) < before:
            self.stopped.emit(url)

    def close(self) -> None:
        """Stop all; they can be resumed after the next start."""
        self._is_closed = True
        self._waiting.clear()
        for running in self._running.values():
            running.download.cancel()
        for running in self._running.values():
            running.thread.join(JOIN_S)

    def _next(self) -> None:
        while self._waiting and len(self._running) < AT_ONCE:
            order = self._waiting.popleft()
            url = order.url
            download = Download(order, partial(self._tell_progress, url))
            thread = threading.Thread(target=self._run, args=(url, download), name="download", daemon=True)
            self._running[url] = _Running(download, thread)
            thread.start()
            self.begun.emit(url)

    def _run(self, url: str, download: Download) -> None:
        end: Fetched | EngineError | None = None
        try:
            end = download.run()
        except DownloadCancelled:
            log.debug("a download was stopped")
        except Exception as error:  # noqa: BLE001 - whatever it is, the window is told
            end = as_engine_error(error, "downloading")
        with contextlib.suppress(RuntimeError):  # the window may be gone
            self._ended.emit(url, end)

    def _tell_progress(self, url: str, progress: DownloadProgress) -> None:
        """On the thread of the download."""
        with contextlib.suppress(RuntimeError):
            self._told.emit(url, progress)

    @Slot(str, object)
    def _pass_on(self, url: str, progress: DownloadProgress) -> None:
        if url in self._running:
            self.progressed.emit(url, progress)

    @Slot(str, object)
    def _end(self, url: str, end: Fetched | EngineError | None) -> None:
        self._running.pop(url, None)
        if isinstance(end, Fetched):
            self.fetched.emit(url, end)
        elif end is None:
            self.stopped.emit(url)
        else:
            self.failed.emit(url, end)
        self._next()
