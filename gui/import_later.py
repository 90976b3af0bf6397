"""Imports on a thread: what the window will need soon must not keep it from answering now."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

PATIENCE_S = 5.0

log = logging.getLogger(__name__)


class ImportLater(QObject):
    """`done` follows `start`, in the thread of whoever receives it."""

    done = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None

    def start(self, modules: Sequence[str]) -> None:
        self._thread = threading.Thread(target=self._import, args=(tuple(modules),), name="graft-import", daemon=True)
        self._thread.start()

    def _import(self, modules: Sequence[str]) -> None:
        for name in modules:
            importlib.import_module(name)
        try:
            self.done.emit()
        except RuntimeError:  # the window is gone
            log.debug("imported for nobody")

    def close(self) -> None:
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
