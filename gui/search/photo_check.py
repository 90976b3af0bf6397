"""Whether a portrait's photo still lies where it was: asked on a thread, as it may be large, or on a slow disk."""

from __future__ import annotations

import threading
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from engine.file_hash import file_sha256


class PhotoFate(StrEnum):
    THERE = "there"
    GONE = "gone"
    OTHER = "other"  # there is a file, but it is not that photo


class PhotoCheck(QObject):
    """Looks at one photo; `done` once, unless another check has been begun since."""

    done = Signal(object, object)  # Path, PhotoFate
    _looked = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._number = 0
        self._threads: list[threading.Thread] = []
        self._looked.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def look(self, path: Path, sha256: str) -> None:
        """
        Args:
            sha256: What the photo's is, or empty where it is not known: then any file will do.
        """
        self._number += 1
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(
            target=self._look, args=(self._number, path, sha256), name="graft-photo-check", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        self._number += 1

    def _look(self, number: int, path: Path, sha256: str) -> None:
        fate = photo_fate(path, sha256)
        try:
            self._looked.emit(number, path, fate)
        except RuntimeError:
            return  # the window was closed in the meantime

    def _tell(self, number: int, path: Path, fate: PhotoFate) -> None:
        if number == self._number:
            self.done.emit(path, fate)


def photo_fate(path: Path, sha256: str) -> PhotoFate:
    """Reads the whole file."""
    try:
        if not path.is_file():
            return PhotoFate.GONE
        return PhotoFate.THERE if not sha256 or file_sha256(path) == sha256 else PhotoFate.OTHER
    except OSError:
        return PhotoFate.GONE
