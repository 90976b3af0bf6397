"""Reads a picture file for the screen, beside the window: a large PNG takes longer than a frame."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader

from gui.aside import Aside


class PictureReader(QObject):
    """Reads one file at a time and always ends with the newest that was wanted."""

    read = Signal(QImage)

    def __init__(self, largest: QSize, parent: QObject | None = None) -> None:
        """
        Args:
            largest: Pictures beyond it are shrunk.
        """
        super().__init__(parent)
        self._largest = largest
        self._wanted: Path | None = None
        self._aside = Aside("graft-picture-reader", self)

    def want(self, path: Path) -> None:
        self._wanted = path
        if not self._aside.is_busy:
            self._next()

    def close(self) -> None:
        self._wanted = None
        self._aside.join()

    def _next(self) -> None:
        if self._wanted is not None:
            path, self._wanted = self._wanted, None
            self._aside.run(lambda: _read(path, self._largest), self._take, lambda error: None)

    def _take(self, picture: QImage) -> None:
        if not picture.isNull():
            self.read.emit(picture)
        self._next()


def _read(path: Path, largest: QSize) -> QImage:
    reader = QImageReader(str(path))
    size = reader.size()
    if size.isValid() and (size.width() > largest.width() or size.height() > largest.height()):
        reader.setScaledSize(size.scaled(largest, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()
