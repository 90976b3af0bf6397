"""A list on the shelf: models as rows, portraits and looks as a grid of thumbnails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    QUrl,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QSizePolicy, QWidget

from gui.theme import caption_font, current_theme, mix
from gui.widgets.drops import local_paths
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.item_model import ItemModel
from gui.widgets.shelf_delegate import GridDelegate, RowDelegate, letter_rects, name_rect

ROW_PX = 45
USUAL_WIDTH_PX = 188
GRID_COLUMNS = 4
_EMPTY_PX = 56


class ShelfMode(StrEnum):
    ROWS = "rows"
    GRID = "grid"


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """Something on the shelf.

    Attributes:
        badge: Which sides of the blend it is on: "", "A", "B" or "AB".
        shares: How much of B from coarse to fine, 0 to 1: drawn as a line under the thumbnail.
        is_usable: False greys it.
    """

    key: str
    name: str
    caption: str = ""
    thumbnail: QImage | None = None
    badge: str = ""
    tooltip: str = ""
    shares: tuple[float, ...] = ()
    is_usable: bool = True


class ShelfList(QListView):
    """As tall as what is in it: the shelf scrolls, not the list. When empty it says what to drop here."""

    picked = Signal(str)
    opened = Signal(str)
    assign_requested = Signal(str, str)
    remove_requested = Signal(str)
    rename_requested = Signal(str)
    menu_requested = Signal(str, QPoint)
    details_requested = Signal(str)
    renamed = Signal(str, str)
    paths_dropped = Signal(object)

    def __init__(self, mode: ShelfMode, hint: str, parent: QWidget | None = None, *, glyph: str = "") -> None:
        """
        Args:
            glyph: For rows of things without pictures, which are on no side.
        """
        super().__init__(parent)
        self._glyph = glyph
        self._renaming: InlineEdit | None = None
        self._renamed_key = ""
        self._carried_kind = ""
        self._file_of: Callable[[str], Path | None] | None = None
        self._is_pressing = False
        self._held_key: str | None = None
        self._key_before_press: str | None = None
        self._mode = mode
        self._hint = hint
        self._is_silent = False
        self._is_drop_target = False
        self._has_width = False
        self._model = ItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(RowDelegate(self, glyph) if mode is ShelfMode.ROWS else GridDelegate(self))
        if mode is ShelfMode.GRID:
            self.setViewMode(QListView.ViewMode.IconMode)
            self.setMovement(QListView.Movement.Static)
            self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        self.viewport().setAcceptDrops(True)  # a list that cannot be rearranged had switched it off
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(hint)
        self.selectionModel().currentChanged.connect(self._tell_picked)
        self.activated.connect(self._tell_opened)
        self._fit_height()

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def items(self) -> tuple[ShelfItem, ...]:
        return self._model.items

    @property
    def selected_key(self) -> str | None:
        return self._model.key_at(self.currentIndex())

    def set_items(self, items: Sequence[ShelfItem]) -> None:
        """Show these, silently. The selection stays on its key, if that is still there."""
        selected = self.selected_key
        self._silently(lambda: self._model.set_items(items))
        if self.selected_key != selected:
            self.select(selected)
        self._fit_height()

    def set_thumbnail(self, key: str, thumbnail: QImage) -> None:
        self._model.set_thumbnail(key, thumbnail)

    def select(self, key: str | None) -> None:
        """Mark an item, silently; None or an unknown key marks nothing."""
        row = self._model.row_of(key)
        index = QModelIndex() if row is None else self._model.index(row)
        flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self._silently(lambda: self.selectionModel().setCurrentIndex(index, flag))
        if row is None:
            self._silently(self.selectionModel().clear)

    def set_hint(self, hint: str) -> None:
        """What an empty list says."""
        self._hint = hint
        self.setAccessibleName(hint)
        self.viewport().update()

    def edit_name(self, key: str) -> None:
        """Open a field over the name of a row; `renamed` tells what was typed."""
        row = self._model.row_of(key)
        if row is None:
            return
        if self._renaming is None:
            self._renaming = InlineEdit(self)
            self._renaming.setAccessibleName("Name")
            self._renaming.committed.connect(lambda text: self.renamed.emit(self._renamed_key, text))
        self._renamed_key = key
        place = name_rect(QRectF(self.visualRect(self._model.index(row)))).toRect()
        place.translate(self.viewport().pos())
        self._renaming.open_at(place, self._model.items[row].name, Qt.AlignmentFlag.AlignLeft)

    def set_draggable(self, file_of: Callable[[str], Path | None]) -> None:
        """Let items be dragged out of the window as files. A press then picks only when it is let go in place.

        Args:
            file_of: Writes an item's file and says where; None when there is none.
        """
        self._file_of = file_of
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDragEnabled(True)

    def set_carried(self, kind: str) -> None:
        """Let items be dragged within the window, each as its key under a MIME type."""
        self._carried_kind = kind
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDragEnabled(True)

    def _silently(self, change: Any) -> None:
        self._is_silent = True
        try:
            change()
        finally:
            self._is_silent = False

    def _tell_picked(self, current: QModelIndex) -> None:
        key = self._model.key_at(current)
        if key is None or self._is_silent:
            return
        if self._is_pressing and (self._file_of is not None or self._carried_kind):
            self._held_key = key
        else:
            self.picked.emit(key)

    def _tell_opened(self, index: QModelIndex) -> None:
        key = self._model.key_at(index)
        if key is not None:
            self.opened.emit(key)

    @property
    def _has_sides(self) -> bool:
        return self._mode is ShelfMode.ROWS and not self._glyph

    # --- size ------------------------------------------------------------------------------------------------------

    def cell_size(self) -> QSize:
        """What one item takes."""
        width = max(1, self.viewport().width()) if self._has_width else USUAL_WIDTH_PX
        if self._mode is ShelfMode.ROWS:
            return QSize(width, ROW_PX)
        # One pixel less than a quarter: a list that fits exactly wraps after three.
        edge = max(24, (width - 1) // GRID_COLUMNS)
        return QSize(edge, edge)

    def content_height(self) -> int:
        count = len(self._model.items)
        if not count:
            return _EMPTY_PX
        rows = count if self._mode is ShelfMode.ROWS else -(-count // GRID_COLUMNS)
        return rows * self.cell_size().height()

    def _fit_height(self) -> None:
        if self._mode is ShelfMode.GRID:
            self.setGridSize(self.cell_size())
        self.setFixedHeight(self.content_height() + 2)
        self.doItemsLayout()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._has_width = True
        if event.size().width() != event.oldSize().width():
            self._fit_height()

    def sizeHint(self) -> QSize:
        return QSize(USUAL_WIDTH_PX, self.content_height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.content_height() + 2)

    # --- the hand --------------------------------------------------------------------------------------------------

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Take the keyboard, and nothing more: Qt would make the first item the current one, that is, pick it."""
        selected = self.selected_key
        self._silently(lambda: super(ShelfList, self).focusInEvent(event))
        if selected is None:
            self.select(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if event.button() is Qt.MouseButton.LeftButton and index.isValid() and self._has_sides:
            for letter, rect in letter_rects(QRectF(self.visualRect(index))).items():
                if rect.contains(event.position()):
                    self.assign_requested.emit(self._model.key_at(index), letter)
                    return
        self._held_key, self._key_before_press, self._is_pressing = None, self.selected_key, True
        super().mousePressEvent(event)
        self._is_pressing = False

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        key, self._held_key = self._held_key, None
        if key is not None:
            self.picked.emit(key)

    def startDrag(self, actions: Qt.DropAction) -> None:
        key = self.selected_key
        self._held_key = None
        path = self._file_of(key) if self._file_of is not None and key is not None else None
        if key is None or (path is None and not self._carried_kind):
            return
        mime = QMimeData()
        if path is not None:
            mime.setUrls([QUrl.fromLocalFile(str(path))])
        if self._carried_kind:
            mime.setData(self._carried_kind, key.encode())
        drag = QDrag(self)
        drag.setMimeData(mime)
        item = self._model.items[self._model.row_of(key) or 0]
        if item.thumbnail is not None:
            edge = self.cell_size().width() if self._mode is ShelfMode.GRID else ROW_PX
            drag.setPixmap(QPixmap.fromImage(item.thumbnail).scaledToWidth(edge))
        self.select(self._key_before_press)  # what was pressed was taken, not picked
        drag.exec(Qt.DropAction.CopyAction)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = self.selected_key
        letter = event.text().upper()
        plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if key is not None and plain and self._has_sides and letter in ("A", "B"):
            self.assign_requested.emit(key, letter)
        elif key is not None and event.key() == Qt.Key.Key_Delete:
            self.remove_requested.emit(key)
        elif key is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            with_alt = event.modifiers() & Qt.KeyboardModifier.AltModifier
            (self.details_requested if with_alt else self.opened).emit(key)
        elif key is not None and event.key() == Qt.Key.Key_F2:
            self.rename_requested.emit(key)
        elif event.text().isprintable() and event.text() and plain:
            event.ignore()  # single letters and digits belong to the window, not to a search in the list
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        key = self._model.key_at(index)
        if key is not None:
            place = self.visualRect(index).center()
            self.menu_requested.emit(key, self.viewport().mapToGlobal(place) if by_key else event.globalPos())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()) and event.source() is not self:
            event.acceptProposedAction()
            self._mark_drop_target(True)
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark_drop_target(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._mark_drop_target(False)
        paths = local_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def _mark_drop_target(self, is_target: bool) -> None:
        self._is_drop_target = is_target
        self.viewport().update()

    # --- showing ---------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self.viewport().update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._model.items:
            super().paintEvent(event)
        if self._model.items and not self._is_drop_target:
            return
        theme = current_theme()
        rect = QRectF(self.viewport().rect()).adjusted(0.5, 0.5, -0.5, -1.5)
        with QPainter(self.viewport()) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            edge = QColor(theme.focus) if self._is_drop_target else mix(theme.line, theme.muted, 0.25)
            painter.setPen(QPen(edge, 1, Qt.PenStyle.SolidLine if self._is_drop_target else Qt.PenStyle.DashLine))
            painter.drawRoundedRect(rect, 6, 6)
            if not self._model.items:
                painter.setFont(caption_font())
                painter.setPen(QColor(theme.muted))
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(rect.adjusted(10, 4, -10, -4), int(flags), self._hint)
