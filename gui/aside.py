"""Work that may take long, one piece after the other on a thread; what comes of it is told in the window's thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from engine.errors import EngineError

T = TypeVar("T")


@dataclass
class _Work(Generic[T]):
    run: Callable[[], T]
    then: Callable[[T], object]
    failed: Callable[[EngineError], object]
    result: tuple[T] | None = None
    error: EngineError | None = None
    is_told: bool = False

    def do(self) -> None:
        try:
            self.result = (self.run(),)
        except EngineError as error:
            self.error = error

    def tell(self) -> None:
        if self.result is not None:
            self.then(self.result[0])
        elif self.error is not None:
            self.failed(self.error)


class Aside(QObject):
    """In order: what was asked for first is done, and told, first."""

    _done = Signal(object)  # _Work

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        """
        Args:
            name: Of the thread.
        """
        super().__init__(parent)
        self._name = name
        self._work: deque[_Work[object]] = deque()
        self._thread: threading.Thread | None = None
        self._done.connect(self._finish, Qt.ConnectionType.QueuedConnection)

    def run(
        self, work: Callable[[], T], then: Callable[[T], object], failed: Callable[[EngineError], object]
    ) -> None:
        """
        Args:
            work: Called on the thread: must touch nothing of the window.
            then, failed: Called in the window's thread with what `work` returned, or the EngineError that it raised.
        """
        self._work.append(_Work(work, then, failed))  # type: ignore[arg-type]
        if len(self._work) == 1:
            self._start()

    @property
    def is_busy(self) -> bool:
        return bool(self._work)

    def wait(self) -> None:
        """Until all is done and told."""
        while self._work:
            assert self._thread is not None
            self._thread.join()
            self._finish(self._work[0])

    def join(self) -> None:
        """Until what is under way is done, for an owner that is going; it is told only if that stays."""
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._do, args=(self._work[0],), name=self._name, daemon=True)
        self._thread.start()

    def _do(self, work: _Work[object]) -> None:
        try:
            work.do()
        finally:
            with suppress(RuntimeError):  # whoever wanted it is gone
                self._done.emit(work)

    @Slot(object)
    def _finish(self, work: _Work[object]) -> None:
        if work.is_told:  # somebody waited for it
            return
        work.is_told = True
        try:
            work.tell()
        finally:
            self._work.popleft()
            if self._work:
                self._start()
