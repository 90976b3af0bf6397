"""Reads a picture file for the screen, beside the window: a large PNG takes longer than a frame."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QSize, Qt, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage, QImageReader


class PictureReader(QObject):
    """Reads one file at a time and always ends with the newest that was wanted."""

    read = Signal(QImage)
    _arrived = Signal(object)

    def __init__(self, largest: QSize, parent: QObject | None = None) -> None:
        """
        Args:
            largest: Pictures beyond it are shrunk.
        """
        super().__init__(parent)
        self._largest = largest
        self._wanted: Path | None = None
        self._at_work = False
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def want(self, path: Path) -> None:
        self._wanted = path
        self._next()

    def close(self) -> None:
        self._wanted = None
        self._pool.waitForDone()

    def _next(self) -> None:
        if self._at_work or self._wanted is None:
            return
        path, self._wanted, self._at_work = self._wanted, None, True
        self._pool.start(QRunnable.create(lambda: self._arrived.emit(_read(path, self._largest))))

    @Slot(object)
    def _take(self, picture: QImage) -> None:
        self._at_work = False
        if not picture.isNull():
            self.read.emit(picture)
        self._next()


def _read(path: Path, largest: QSize) -> QImage:
    reader = QImageReader(str(path))
    size = reader.size()
    if size.isValid() and (size.width() > largest.width() or size.height() > largest.height()):
        reader.setScaledSize(size.scaled(largest, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()
