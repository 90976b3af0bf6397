"""Looks for models whose files were moved, on a thread of its own: hashing large files takes seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, Signal

from engine.errors import EngineError
from engine.library import Library
from engine.library_records import ModelRecord

log = logging.getLogger(__name__)


class MissingFiles(QObject):
    searched = Signal(object, object)  # tuple[ModelRecord, ...] found again, frozenset[str] in vain

    _ended = Signal(object, object)

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()
        self._ended.connect(self.searched, Qt.ConnectionType.QueuedConnection)

    def search(self, models: Sequence[ModelRecord]) -> None:
        """Look for those that are not where they should be; `searched` tells. One search at a time."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._search, args=(tuple(models),), name="missing-files", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed.set()
        self.blockSignals(True)
        if self._thread is not None:
            self._thread.join(2.0)

    def _search(self, models: tuple[ModelRecord, ...]) -> None:
        found: list[ModelRecord] = []
        absent: set[str] = set()
        for record in models:
            if self._is_closed.is_set():
                return
            if self._library.is_here(record):
                continue
            try:
                path = self._library.locate(record.ref.sha256)
            except EngineError as error:
                log.warning("a model was not looked for: %s", error.user_message)
                return
            if path is None:
                absent.add(record.ref.sha256)
            else:
                found.append(record)
        try:
            self._ended.emit(tuple(found), frozenset(absent))
        except RuntimeError:  # the window is gone
            log.debug("nobody waits for moved files any more")
