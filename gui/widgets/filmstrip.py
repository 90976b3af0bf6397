"""The filmstrip: where one has been, as thumbnails; arrow keys walk it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from gui.theme import caption_font, current_theme
from gui.widgets.item_model import ITEM_ROLE, Index, ItemModel
from gui.widgets.thumb import paint_thumb

HEIGHT_PX = 84
THUMB_PX = 60
_PITCH_PX = 70
_GROUP_GAP_PX = 19


@dataclass(frozen=True, slots=True)
class FilmItem:
    """`starts_group` draws a line before it."""

    key: str
    thumbnail: QImage | None = None
    tooltip: str = ""
    starts_group: bool = False


class Filmstrip(QListView):
    """`picked` fires when the user goes to another picture."""

    picked = Signal(str)
    menu_requested = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_silent = False
        self._model = ItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_FilmDelegate(self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.setViewportMargins(9, 0, 9, 0)
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("History")
        self.selectionModel().currentChanged.connect(self._tell_picked)

    @property
    def items(self) -> tuple[FilmItem, ...]:
        return self._model.items

    @property
    def current_key(self) -> str | None:
        return self._model.key_at(self.currentIndex())

    def set_items(self, items: Sequence[FilmItem], current_key: str | None) -> None:
        """Show these, oldest first, silently."""
        self._is_silent = True
        self._model.set_items(items)
        self._is_silent = False
        self.set_current(current_key)

    def set_thumbnail(self, key: str, thumbnail: QImage) -> None:
        self._model.set_thumbnail(key, thumbnail)

    def set_current(self, key: str | None) -> None:
        """Mark one and bring it into view, silently."""
        row = self._model.row_of(key)
        self._is_silent = True
        if row is None:
            self.selectionModel().clear()
        else:
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selectionModel().setCurrentIndex(self._model.index(row), flag)
            self.scrollTo(self._model.index(row))
        self._is_silent = False

    def sizeHint(self) -> QSize:
        return QSize(640, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, HEIGHT_PX)

    def _tell_picked(self, current: QModelIndex) -> None:
        key = self._model.key_at(current)
        if key is not None and not self._is_silent:
            self.picked.emit(key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if event.text() and event.text().isprintable() and plain:
            event.ignore()  # letters and digits belong to the window, not to a search in the list
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - (delta.x() or delta.y()))
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        key = self._model.key_at(index)
        if key is not None:
            place = self.visualRect(index).center()
            self.menu_requested.emit(key, self.viewport().mapToGlobal(place) if by_key else event.globalPos())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._model.items:
            super().paintEvent(event)
            return
        with QPainter(self.viewport()) as painter:
            painter.setFont(caption_font())
            painter.setPen(QColor(current_theme().muted))
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(self.viewport().rect().adjusted(4, 0, 0, 0), int(left), "Every change appears here")


class _FilmDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        gap = _GROUP_GAP_PX if self._starts_group(index) else 0
        return QSize(_PITCH_PX + gap, HEIGHT_PX - 12)

    def _starts_group(self, index: Index) -> bool:
        return bool(index.row() and index.data(ITEM_ROLE).starts_group)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, item = current_theme(), index.data(ITEM_ROLE)
        cell = QRectF(option.rect)
        state = option.state
        top = (HEIGHT_PX - THUMB_PX) / 2
        rect = QRectF(cell.right() - THUMB_PX - 5, top, THUMB_PX, THUMB_PX)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._starts_group(index):
            painter.fillRect(QRectF(round(cell.left() + 9), top + 6, 1, THUMB_PX - 12), QColor(theme.line))
        paint_thumb(painter, rect, item.thumbnail)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(theme.focus), 2))
            painter.drawRoundedRect(rect.adjusted(-2, -2, 2, 2), 5, 5)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(theme.muted), 1))
            painter.drawRoundedRect(rect.adjusted(-1.5, -1.5, 1.5, 1.5), 5, 5)
        painter.restore()
