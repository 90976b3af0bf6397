"""The list of what can be downloaded, painted: name, what it draws, how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from gui.theme import body_font, caption_font, current_theme, mix
from gui.widgets.item_model import ITEM_ROLE, Index, ItemModel

ROW_PX = 48
_STATE_PX = 120.0
_DIMMED = 0.55


@dataclass(frozen=True, slots=True)
class EntryItem:
    """Attributes:
    state: Where it stands, in a word or two: at the right.
    fraction: How far its download is; None for none.
    is_dim: This Graft does not run models of its kind.
    """

    key: str
    name: str
    caption: str
    state: str = ""
    fraction: float | None = None
    is_alive: bool = False
    is_dim: bool = False
    tooltip: str = ""
    thumbnail: QImage | None = None


class EntryList(QListView):
    picked = Signal(str)
    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ItemModel(self)
        self._is_silent = False
        self.setModel(self._model)
        self.setItemDelegate(_EntryDelegate(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setAccessibleName("Models that can be downloaded")
        self.selectionModel().currentChanged.connect(self._tell)

    @property
    def items(self) -> tuple[EntryItem, ...]:
        return self._model.items

    @property
    def selected_key(self) -> str | None:
        return self._model.key_at(self.currentIndex())

    def set_items(self, items: Sequence[EntryItem]) -> None:
        """Show these, silently; the selection stays on its key."""
        selected = self.selected_key
        self._is_silent = True
        self._model.set_items(items)
        self._is_silent = False
        if self.selected_key != selected:
            self.select(selected)

    def set_item(self, item: EntryItem) -> None:
        """Show how one of them is now."""
        self.set_items([item if old.key == item.key else old for old in self.items])

    def select(self, key: str | None) -> None:
        """Mark an entry, silently."""
        row = self._model.row_of(key)
        self._is_silent = True
        if row is None:
            self.selectionModel().clear()
        else:
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selectionModel().setCurrentIndex(self._model.index(row), flag)
            self.scrollTo(self._model.index(row))
        self._is_silent = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = self.selected_key
        if key is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(key)
        else:
            super().keyPressEvent(event)

    def _tell(self, current: QModelIndex) -> None:
        key = self._model.key_at(current)
        if key is not None and not self._is_silent:
            self.picked.emit(key)


class _EntryDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, item = current_theme(), index.data(ITEM_ROLE)
        cell = QRectF(option.rect).adjusted(0, 0, -2, -2)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if is_selected or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(mix(theme.raised, theme.focus, 0.16) if is_selected else QColor(theme.raised))
            painter.drawRoundedRect(cell, 5, 5)
        if is_selected and option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(theme.focus), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cell.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setOpacity(_DIMMED if item.is_dim and not is_selected else 1.0)
        left, right = cell.left() + 10, cell.right() - 10
        state_left = right - (_STATE_PX if item.state else 0)
        upper = QRectF(left, cell.top() + 4, state_left - left - 6, 20)
        lower = QRectF(left, cell.top() + 23, right - left, 17)
        state = QRectF(state_left, cell.top() + 4, right - state_left, 20)
        lines = (
            (upper, item.name, body_font(), theme.text, Qt.AlignmentFlag.AlignLeft),
            (lower, item.caption, caption_font(), theme.muted, Qt.AlignmentFlag.AlignLeft),
            (state, item.state, caption_font(), theme.focus if item.is_alive else theme.muted,
             Qt.AlignmentFlag.AlignRight),
        )  # fmt: skip
        for rect, text, font, color, side in lines:
            painter.setFont(font)
            painter.setPen(QColor(color))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width()))
            painter.drawText(rect, int(side | Qt.AlignmentFlag.AlignVCenter), shown)
        if item.fraction is not None:
            line = QRectF(left, cell.bottom() - 4, right - left, 2)
            painter.fillRect(line, QColor(theme.line))
            line.setWidth(line.width() * min(1.0, item.fraction))
            painter.fillRect(line, QColor(theme.focus if item.is_alive else theme.muted))
        painter.restore()
