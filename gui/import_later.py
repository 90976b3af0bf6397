"""Imports on a thread: what the window will need soon must not keep it from answering now."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

PATIENCE_S = 5.0
PAUSE_S = 0.02
"""Between modules that are not waited for: others want to compute too."""

log = logging.getLogger(__name__)


class ImportLater(QObject):
    done = Signal()  # what was needed first is there

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()

    def start(self, first: Sequence[str], then: Sequence[str] = ()) -> None:
        """
        Args:
            then: Goes on with these after `done`.
        """
        work = (tuple(first), tuple(then))
        self._thread = threading.Thread(target=self._import, args=work, name="graft-import", daemon=True)
        self._thread.start()

    def _import(self, first: Sequence[str], then: Sequence[str]) -> None:
        for name in first:
            importlib.import_module(name)
        try:
            self.done.emit()
        except RuntimeError:  # the window is gone
            log.debug("imported for nobody")
        for name in then:
            if self._is_closed.wait(PAUSE_S):
                return
            importlib.import_module(name)

    def close(self) -> None:
        self._is_closed.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
