"""The filmstrip: where one has been, as thumbnails; arrow keys walk it, and change the branch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QWheelEvent,
)
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
_MARK_PX = 15
_ASIDE: dict[int, int] = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


@dataclass(frozen=True, slots=True)
class FilmItem:
    """Attributes:
    starts_group: Draws a line before it.
    branches: How many ways lead on from here; from two on they are counted under a fork.
    """

    key: str
    thumbnail: QImage | None = None
    tooltip: str = ""
    starts_group: bool = False
    branches: int = 0
    is_starred: bool = False


class Filmstrip(QListView):
    """`picked` fires when the user goes to another picture."""

    picked = Signal(str)
    branch_wanted = Signal(int)  # -1 the one before, 1 the one after
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
        elif event.key() in _ASIDE:
            self.branch_wanted.emit(_ASIDE[event.key()])
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
        if item.branches > 1:
            _paint_fork(painter, rect, item.branches)
        if item.is_starred:
            paint_star(painter, QPointF(rect.left() + 9, rect.top() + 9))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(theme.focus), 2))
            painter.drawRoundedRect(rect.adjusted(-2, -2, 2, 2), 5, 5)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(theme.muted), 1))
            painter.drawRoundedRect(rect.adjusted(-1.5, -1.5, 1.5, 1.5), 5, 5)
        painter.restore()


def _paint_fork(painter: QPainter, rect: QRectF, branches: int) -> None:
    """A small fork and how many ways there are, in the picture's lower right corner."""
    theme = current_theme()
    words = str(branches) if branches < 100 else "99+"
    painter.setFont(caption_font())
    wide = _MARK_PX + painter.fontMetrics().horizontalAdvance(words) + 3
    mark = QRectF(rect.right() - wide - 1, rect.bottom() - _MARK_PX - 1, wide, _MARK_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.panel))
    painter.drawRoundedRect(mark, 4, 4)
    painter.setPen(QPen(QColor(theme.text), 1.2))
    x, y = mark.left() + 4, mark.center().y()
    for rise in (-3.5, 3.5):
        painter.drawPolyline([QPointF(x, y), QPointF(x + 3, y), QPointF(x + 5.5, y + rise), QPointF(x + 8, y + rise)])
    painter.drawText(mark.adjusted(0, 0, -4, 0), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)


def paint_star(painter: QPainter, middle: QPointF, radius: float = 6.5) -> None:
    """A favourite's star, edged so that it is seen on any picture."""
    theme = current_theme()
    turns = [math.pi * (place / 5 - 0.5) for place in range(10)]
    reach = [radius if place % 2 == 0 else radius * 0.45 for place in range(10)]
    points = [
        QPointF(middle.x() + far * math.cos(turn), middle.y() + far * math.sin(turn))
        for far, turn in zip(reach, turns, strict=True)
    ]
    painter.setPen(QPen(QColor(theme.canvas), 1.2))
    painter.setBrush(QColor(theme.warn))
    painter.drawPolygon(QPolygonF(points))
