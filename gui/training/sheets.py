"""Sample sheets as pictures."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage, QImageReader

TILES = 8
"""Pictures in a row of a sheet, see `engine.training.pictures`."""


def read_sheet(path: Path) -> QImage | None:
    picture = QImageReader(str(path)).read()
    return None if picture.isNull() else picture


def first_face(path: Path) -> QImage | None:
    """The first picture of a sheet."""
    whole = read_sheet(path)
    edge = whole.width() // TILES if whole is not None else 0
    return whole.copy(0, 0, edge, edge) if whole is not None and edge else None
