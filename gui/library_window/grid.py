"""The grid of the library: many pictures, of which only those on screen are read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QContextMenuEvent, QImage, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from engine.library_search import Entry
from engine.library_tags import Kind
from engine.library_trash import Thing
from gui.icons import paint_icon
from gui.theme import body_font, caption_font, current_theme, mix
from gui.widgets.item_model import Index
from gui.widgets.thumb import paint_thumb

CELL = QSize(132, 176)
_THUMB_PX = 116.0
KEPT_PICTURES = 600
ENTRY_ROLE = Qt.ItemDataRole.UserRole
PICTURE_ROLE = Qt.ItemDataRole.UserRole + 1
GLYPHS = {Kind.MODEL: "model", Kind.PORTRAIT: "portrait", Kind.LOOK: "layers", Kind.DIRECTION: "direction"}


class EntryModel(QAbstractListModel):
    """Entries; asks for a picture when one is painted that has none yet."""

    picture_wanted = Signal(object)  # Thing

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: tuple[Entry, ...] = ()
        self._rows: dict[Thing, int] = {}
        self._pictures: OrderedDict[Thing, QImage] = OrderedDict()

    def set_entries(self, entries: Sequence[Entry]) -> None:
        self.beginResetModel()
        self.entries = tuple(entries)
        self._rows = {entry.id: row for row, entry in enumerate(self.entries)}
        self.endResetModel()

    def row_of(self, thing: Thing) -> int | None:
        return self._rows.get(thing)

    def forget_pictures(self) -> None:
        """They may have changed."""
        self._pictures.clear()

    @Slot(object, QImage)
    def take_picture(self, thing: Thing, picture: QImage) -> None:
        self._pictures[thing] = picture
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        row = self._rows.get(thing)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row), [PICTURE_ROLE])

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.entries):
            return None
        entry = self.entries[index.row()]
        if role == ENTRY_ROLE:
            return entry
        if role == PICTURE_ROLE:
            picture = self._pictures.get(entry.id)
            if picture is None and entry.kind is not Kind.DIRECTION:
                self.picture_wanted.emit(entry.id)
            return picture
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return entry.name
        if role == Qt.ItemDataRole.ToolTipRole:
            tags = "".join(f" #{tag}" for tag in entry.tags)
            return f"{entry.name}: {entry.caption}{tags}\n{entry.detail}".strip()
        return None


class EntryGrid(QListView):
    """Several can be chosen: Ctrl and Shift as everywhere."""

    opened = Signal(object)  # Entry
    menu_wanted = Signal(QPoint)
    trash_wanted = Signal()
    rename_wanted = Signal()
    chosen_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries_model = EntryModel(self)
        self.setModel(self.entries_model)
        self.setItemDelegate(_EntryDelegate(self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setGridSize(CELL)
        self.setUniformItemSizes(True)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(500)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setAccessibleName("What is in the library")
        self.activated.connect(self._tell_opened)
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen_changed.emit())

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show these. What is chosen stays chosen, and the place stays."""
        chosen = {entry.id for entry in self.chosen}
        place = self.verticalScrollBar().value()
        self.entries_model.set_entries(entries)
        rows = sorted(row for thing in chosen if (row := self.entries_model.row_of(thing)) is not None)
        if rows:  # in one go: every change of the selection is announced
            chosen_rows = QItemSelection()
            for first, last in _runs(rows):
                chosen_rows.select(self.entries_model.index(first), self.entries_model.index(last))
            self.selectionModel().select(chosen_rows, QItemSelectionModel.SelectionFlag.Select)
        self.verticalScrollBar().setValue(place)
        self.chosen_changed.emit()

    @property
    def chosen(self) -> tuple[Entry, ...]:
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return tuple(self.entries_model.entries[row] for row in rows if row < len(self.entries_model.entries))

    def _tell_opened(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY_ROLE)
        if entry is not None:
            self.opened.emit(entry)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let the columns fill the width."""
        width = self.viewport().width() - 1
        columns = max(1, width // CELL.width())
        self.setGridSize(QSize(width // columns, CELL.height()))
        super().resizeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.trash_wanted.emit()
        elif event.key() == Qt.Key.Key_F2:
            self.rename_wanted.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._tell_opened(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.chosen:
            self.menu_wanted.emit(event.globalPos())


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbours among sorted rows."""
    first = last = rows[0]
    for row in rows[1:]:
        if row != last + 1:
            yield first, last
            first = row
        last = row
    yield first, last


class _EntryDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = current_theme()
        entry, picture = index.data(ENTRY_ROLE), index.data(PICTURE_ROLE)
        whole = QRectF(option.rect)
        cell = QRectF(whole.center().x() - CELL.width() / 2, whole.top(), CELL.width(), whole.height())
        cell.adjust(2, 2, -2, -2)
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if is_chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(theme.focus), 1) if is_chosen else Qt.PenStyle.NoPen)
            painter.setBrush(mix(theme.raised, theme.focus, 0.16) if is_chosen else QColor(theme.raised))
            painter.drawRoundedRect(cell.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        thumb = QRectF(cell.center().x() - _THUMB_PX / 2, cell.top() + 6, _THUMB_PX, _THUMB_PX)
        paint_thumb(painter, thumb, picture, radius=4)
        if picture is None or picture.isNull():
            middle = thumb.center().toPoint()
            place = QRectF(middle.x() - 14, middle.y() - 14, 28, 28).toRect()
            paint_icon(painter, place, GLYPHS[entry.kind], QColor(theme.disabled))
        elif entry.kind is not Kind.PORTRAIT:
            self._paint_kind(painter, thumb, entry.kind)
        tags = " ".join(f"#{tag}" for tag in entry.tags)
        for text, font, color, top in (
            (entry.name, body_font(), theme.text, 4.0),
            (entry.caption, caption_font(), theme.muted, 21.0),
            (tags, caption_font(), theme.focus, 35.0),
        ):
            rect = QRectF(thumb.left(), thumb.bottom() + top, thumb.width(), 16)
            painter.setFont(font)
            painter.setPen(QColor(color))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width()))
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.restore()

    def _paint_kind(self, painter: QPainter, thumb: QRectF, kind: Kind) -> None:
        """A small mark in the corner tells models and looks apart."""
        theme = current_theme()
        corner = QRectF(thumb.right() - 22, thumb.top() + 4, 18, 18)
        ground = QColor(theme.canvas)
        ground.setAlpha(190)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(corner, 4, 4)
        light = QColor("#f0f0f2")
        paint_icon(painter, corner.adjusted(3, 3, -3, -3).toRect(), GLYPHS[kind], light)
