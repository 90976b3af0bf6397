"""Reads the whole library, and pictures of what is looked at, on a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TypeAlias

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage

from engine.errors import EngineError
from engine.library import Library
from engine.library_search import read_entries
from engine.library_tags import Kind
from engine.library_trash import Thing

log = logging.getLogger(__name__)

_Wish: TypeAlias = Thing | None
"""A picture; None is for everything that there is."""


class LibraryReader(QObject):
    """The thread starts with the first wish and ends with `close`."""

    entries_read = Signal(object)  # tuple[Entry, ...]
    picture_read = Signal(object, QImage)  # Thing; a null picture where there is none
    failed = Signal(object)  # EngineError

    _read = Signal(object)
    _pictured = Signal(object, QImage)
    _went_wrong = Signal(object)

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._wishes: queue.SimpleQueue[_Wish | str] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._asked: set[Thing] = set()
        self._is_closed = False
        queued = Qt.ConnectionType.QueuedConnection
        self._read.connect(self.entries_read, queued)
        self._pictured.connect(self._deliver, queued)
        self._went_wrong.connect(self.failed, queued)

    def read(self) -> None:
        """Have everything read anew; `entries_read` tells."""
        self._asked.clear()
        self._wish(None)

    def want_picture(self, thing: Thing) -> None:
        """Have a picture read, unless that is under way."""
        if thing not in self._asked:
            self._asked.add(thing)
            self._wish(thing)

    @Slot(object, QImage)
    def _deliver(self, thing: Thing, picture: QImage) -> None:
        self._asked.discard(thing)
        self.picture_read.emit(thing, picture)

    def close(self) -> None:
        """For good."""
        self._is_closed = True
        if self._thread is not None:
            self._wishes.put("end")
            self._thread.join(2.0)
            self._thread = None

    def _wish(self, wish: _Wish) -> None:
        if self._is_closed:
            return
        self._wishes.put(wish)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="library-reader", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while (wish := self._wishes.get()) != "end":
            try:
                if wish is None:
                    self._read.emit(read_entries(self._library))
                elif isinstance(wish, tuple):
                    self._pictured.emit(wish, self._picture(*wish))
            except EngineError as error:
                self._went_wrong.emit(error)
            except RuntimeError:  # the window is gone
                log.debug("nobody waits for the library any more")
                return

    def _picture(self, kind: Kind, key: str) -> QImage:
        match kind:
            case Kind.MODEL:
                png = self._library.model_thumbnail(key)
            case Kind.PORTRAIT:
                png = self._library.latent_thumbnail(key)
            case Kind.LOOK:
                png = self._library.look_thumbnail(int(key))
            case _:
                png = None
        return QImage.fromData(png) if png else QImage()
