"""What surrounds a running window: the log, unexpected errors, signals of the system."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO

from PySide6.QtCore import (
    QMessageLogContext,
    QObject,
    QSocketNotifier,
    QtMsgType,
    Signal,
    Slot,
    qInstallMessageHandler,
)

LOG_NAME = "graft.log"
LOG_BYTES = 1 << 20
LOG_FILES = 3
CRASH_NAME = "crash.log"

log = logging.getLogger("graft")

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class HomelessFormatter(logging.Formatter):
    """Writes ``~`` for the user's home, so that a log can be shown to others."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s")
        self._home = str(Path.home())

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text.replace(self._home, "~") if len(self._home) > 1 else text


def start_log(folder: Path) -> logging.Handler:
    """Log to a file that rotates; warnings also to stderr. Returns the file's handler."""
    handler = RotatingFileHandler(folder / LOG_NAME, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    handler.setFormatter(HomelessFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return handler


class Watch(QObject):
    """Errors that nobody expected, from any thread: logged in full, told in one sentence."""

    failed = Signal(str, str)  # sentence, details

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._crash_file: IO[str] | None = None

    def install(self, log_folder: Path) -> None:
        """Take over the interpreter's hooks."""
        sys.excepthook = self._exception
        threading.excepthook = self._thread_exception
        sys.unraisablehook = self._unraisable
        qInstallMessageHandler(_log_qt)
        try:
            self._crash_file = open(log_folder / CRASH_NAME, "a", encoding="utf-8")  # noqa: SIM115 - open till the end
            faulthandler.enable(self._crash_file)
        except OSError as error:
            log.warning("no crash log: %s", error)

    def _exception(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.error("unexpected", exc_info=(kind, error, traceback))
        self._tell(error)

    def _thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            name = args.thread.name if args.thread else "a thread"
            log.error("unexpected in %s", name, exc_info=args.exc_value)
            self._tell(args.exc_value)

    def _unraisable(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            log.error("unexpected while cleaning up %r", args.object, exc_info=args.exc_value)

    def _tell(self, error: BaseException) -> None:
        try:
            self.failed.emit(
                "Something went wrong inside Graft. Your work is safe.", f"{type(error).__name__}: {error}"
            )
        except RuntimeError:
            log.debug("the window is gone")


def _log_qt(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    logging.getLogger("qt").log(_LEVELS.get(kind, logging.INFO), "%s", text)


class SystemSignals(QObject):
    """SIGINT and SIGTERM as a Qt signal: Python's own handlers only run when Python does."""

    asked_to_quit = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._arrived)
        self._old_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._old = {number: signal.signal(number, self._ignore) for number in (signal.SIGINT, signal.SIGTERM)}

    @staticmethod
    def _ignore(number: int, frame: object) -> None:
        """The wake-up byte is what counts."""

    @Slot()
    def _arrived(self) -> None:
        try:
            self._reader.recv(64)
        except BlockingIOError:
            return
        self.asked_to_quit.emit()

    def close(self) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()


def end_process(code: int) -> None:
    """End at once, for when a thread is stuck in a call that cannot be stopped."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
