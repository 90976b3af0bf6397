"""A list of frozen items with keys, for the views that show thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QImage

ITEM_ROLE = Qt.ItemDataRole.UserRole

Index = QModelIndex | QPersistentModelIndex


class ThumbItem(Protocol):
    """What the model needs of an item, besides being a frozen dataclass."""

    @property
    def key(self) -> str: ...
    @property
    def thumbnail(self) -> QImage | None: ...
    @property
    def tooltip(self) -> str: ...


class ItemModel(QAbstractListModel):
    """Replaces its items as a whole; a change that keeps the keys keeps selection and scroll place too."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: tuple[Any, ...] = ()

    @property
    def items(self) -> tuple[Any, ...]:
        return self._items

    def set_items(self, items: Sequence[ThumbItem]) -> None:
        new = tuple(items)
        if [item.key for item in new] == [item.key for item in self._items]:
            self._items = new
            if new:
                self.dataChanged.emit(self.index(0), self.index(len(new) - 1))
            return
        self.beginResetModel()
        self._items = new
        self.endResetModel()

    def set_thumbnail(self, key: str, thumbnail: QImage) -> None:
        """Give one item its picture; an unknown key is ignored, for the item may have gone meanwhile."""
        row = self.row_of(key)
        if row is not None:
            changed = replace(self._items[row], thumbnail=thumbnail)
            self._items = (*self._items[:row], changed, *self._items[row + 1 :])
            self.dataChanged.emit(self.index(row), self.index(row))

    def row_of(self, key: str | None) -> int | None:
        return next((row for row, item in enumerate(self._items) if item.key == key), None)

    def key_at(self, index: Index) -> str | None:
        return str(self._items[index.row()].key) if index.isValid() and index.row() < len(self._items) else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Every item may be dragged, where its view lets things be dragged."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else flags

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._items):
            return None
        item = self._items[index.row()]
        if role == ITEM_ROLE:
            return item
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return getattr(item, "name", "") or item.tooltip or item.key
        if role == Qt.ItemDataRole.ToolTipRole:
            return item.tooltip or None
        return None
