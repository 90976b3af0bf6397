"""The history as a tree of pictures. Painted: of thousands of entries only those in sight cost anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from engine.change_label import change_label
from engine.differences import main_difference, summary
from engine.history import HistoryEntry
from engine.state import EditState
from gui.explore import LABEL
from gui.history_tree import paint
from gui.history_tree.layout import TreeLayout, tree_layout

ZOOMS_PX = (20, 28, 40, 56, 72, 96, 128)
DEFAULT_ZOOM = 4
CAPTIONS_FROM_PX = 56
MARGIN_PX = 16
SETTLED_MS = 60
CLICK_PX = 5

PictureOf = Callable[[EditState], QImage | None]


class HistoryTreeView(QAbstractScrollArea):
    """`picked` fires when the user goes to another entry."""

    picked = Signal(int)
    star_wanted = Signal(int)
    rename_wanted = Signal(int)
    menu_requested = Signal(int, QPoint)
    looked_at = Signal(object)  # int | None: the entry under the pointer
    seen_changed = Signal()  # other entries are in sight, for a moment already
    zoom_changed = Signal(int)

    def __init__(self, picture_of: PictureOf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture_of = picture_of
        self._entries: Sequence[HistoryEntry] = ()
        self._parents: tuple[int | None, ...] = ()
        self._layout = TreeLayout()
        self._rows: dict[int, list[tuple[int, int]]] = {}
        self._path: frozenset[int] = frozenset()
        self._onward: dict[int, int] = {}
        self._index = 0
        self._matches: Collection[int] | None = None
        self._zoom = DEFAULT_ZOOM
        self._hovered: int | None = None
        self._grip: tuple[QPointF, int, int] | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLED_MS)
        self._settle.timeout.connect(self.seen_changed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.viewport().setMouseTracking(True)
        self.setMinimumSize(320, 200)
        self.setAccessibleName("History tree")

    # --- what it shows --------------------------------------------------------------------------------------------

    def show_tree(
        self, entries: Sequence[HistoryEntry], parents: Sequence[int | None], index: int, path: Sequence[int]
    ) -> None:
        """Show these entries; the present one comes into sight when it is another than before."""
        moved = index != self._index or not self._entries
        self._entries, self._index = entries, index
        self._path = frozenset(path)
        self._onward = dict(pairwise(path))
        if tuple(parents) != self._parents:
            self._parents = tuple(parents)
            self._layout = tree_layout(parents)
            self._rows = {}
            for (column, row), place in sorted(self._layout.at.items()):
                self._rows.setdefault(row, []).append((column, place))
            self._fit_bars()
        if moved:
            self.bring_into_view(index)
        entry = entries[index]
        self.setAccessibleDescription(f"{entry.title}, step {index + 1} of {len(entries)}")
        self._settle.start()
        self.viewport().update()

    def set_matches(self, matches: Collection[int] | None) -> None:
        """Let only these stand out; None is all."""
        self._matches = matches
        self.viewport().update()

    def repaint_pictures(self) -> None:
        self.viewport().update()

    @property
    def zoom(self) -> int:
        """Place in `ZOOMS_PX`."""
        return self._zoom

    @property
    def thumb_px(self) -> int:
        return ZOOMS_PX[self._zoom]

    def set_zoom(self, zoom: int, around: QPointF | None = None) -> None:
        """
        Args:
            around: What stays where it is, by default the present entry.
        """
        zoom = min(max(zoom, 0), len(ZOOMS_PX) - 1)
        if zoom == self._zoom:
            return
        fixed = around or self.thumb_rect(self._index).center()
        old, offset = self._pitch(), self._offset()
        across, down = (fixed.x() + offset.x()) / old.width(), (fixed.y() + offset.y()) / old.height()
        self._zoom = zoom
        self._fit_bars()
        new = self._pitch()
        self.horizontalScrollBar().setValue(round(across * new.width() - fixed.x()))
        self.verticalScrollBar().setValue(round(down * new.height() - fixed.y()))
        self.zoom_changed.emit(zoom)
        self._settle.start()
        self.viewport().update()

    def seen(self) -> Iterator[int]:
        """The entries in sight."""
        columns, rows = self._cells(QRectF(self.viewport().rect()))
        for row in rows:
            for column in columns:
                place = self._layout.at.get((column, row))
                if place is not None:
                    yield place

    # --- where things are -----------------------------------------------------------------------------------------

    def _pitch(self) -> QSize:
        caption = paint.CAPTION_PX if self.thumb_px >= CAPTIONS_FROM_PX else 0
        return QSize(round(self.thumb_px * 1.24) + 12, self.thumb_px + caption + 12)

    def _offset(self) -> QPoint:
        return QPoint(self.horizontalScrollBar().value() - MARGIN_PX, self.verticalScrollBar().value() - MARGIN_PX)

    def thumb_rect(self, place: int) -> QRectF:
        """Where an entry's picture is drawn, in the viewport."""
        pitch, offset = self._pitch(), self._offset()
        x = self._layout.columns[place] * pitch.width() - offset.x()
        y = self._layout.rows[place] * pitch.height() - offset.y()
        return QRectF(x, y, self.thumb_px, self.thumb_px)

    def caption_rect(self, place: int) -> QRect:
        """Where its name goes: under the picture, also where captions are too small to be shown."""
        rect = self.thumb_rect(place)
        wide = max(self._pitch().width() - 6.0, 120.0 if self.thumb_px < CAPTIONS_FROM_PX else 0.0)
        return QRectF(rect.left() - 2, rect.bottom() + 1, wide, paint.CAPTION_PX).toRect()

    def entry_at(self, position: QPointF) -> int | None:
        pitch, offset = self._pitch(), self._offset()
        column, row = (position.x() + offset.x()) // pitch.width(), (position.y() + offset.y()) // pitch.height()
        place = self._layout.at.get((int(column), int(row)))
        if place is None or not self.thumb_rect(place).adjusted(0, 0, 0, 14).contains(position):
            return None
        return place

    def bring_into_view(self, place: int) -> None:
        rect = self.thumb_rect(place).adjusted(-MARGIN_PX, -MARGIN_PX, self._pitch().width(), self._pitch().height())
        port = QRectF(self.viewport().rect())
        for bar, low, high, room in (
            (self.horizontalScrollBar(), rect.left(), rect.right(), port.width()),
            (self.verticalScrollBar(), rect.top(), rect.bottom(), port.height()),
        ):
            if low < 0 or high - low > room:
                bar.setValue(bar.value() + round(low))
            elif high > room:
                bar.setValue(bar.value() + round(high - room))

    def _cells(self, area: QRectF) -> tuple[range, range]:
        """The columns and rows that touch an area of the viewport."""
        pitch, offset = self._pitch(), self._offset()

        def span(low: float, high: float, size: int, count: int) -> range:
            return range(max(0, int(low // size)), min(count, int(high // size) + 1))

        left, top = area.left() + offset.x(), area.top() + offset.y()
        return (
            span(left, left + area.width(), pitch.width(), self._layout.width),
            span(top, top + area.height(), pitch.height(), self._layout.height),
        )

    def _fit_bars(self) -> None:
        pitch, port = self._pitch(), self.viewport().size()
        for bar, size, room, step in (
            (self.horizontalScrollBar(), self._layout.width * pitch.width(), port.width(), pitch.width()),
            (self.verticalScrollBar(), self._layout.height * pitch.height(), port.height(), pitch.height()),
        ):
            bar.setRange(0, max(0, size + 2 * MARGIN_PX - room))
            bar.setPageStep(room)
            bar.setSingleStep(step)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        columns, rows = self._cells(QRectF(self.viewport().rect()))
        with QPainter(self.viewport()) as painter:
            paint.ground(painter, QRectF(self.viewport().rect()))
            self._paint_lines(painter, columns, rows)
            for place in self.seen():
                entry = self._entries[place]
                look = paint.Look(
                    is_here=place == self._index,
                    on_path=place in self._path,
                    is_hovered=place == self._hovered,
                    is_dimmed=self._matches is not None and place not in self._matches,
                )
                caption = self.caption_rect(place) if self.thumb_px >= CAPTIONS_FROM_PX else None
                title = "" if caption is None else self.title(place)
                picture = self._picture_of(entry.state)
                paint.entry(painter, self.thumb_rect(place), caption, title, entry, picture, look)
            if self.hasFocus():
                paint.focus_frame(painter, QRectF(self.viewport().rect()))

    def _paint_lines(self, painter: QPainter, columns: range, rows: range) -> None:
        pitch, offset, half = self._pitch(), self._offset(), self.thumb_px / 2
        gap = pitch.width() - self.thumb_px
        bend = min(gap / 2, 12.0)

        def line(row: int) -> float:
            return row * pitch.height() - offset.y() + half

        for column in range(max(0, columns.start - 1), columns.stop):
            right = column * pitch.width() - offset.x() + self.thumb_px
            for top, bottom in self._layout.forks.get(column, ()):
                if bottom >= rows.start and top < rows.stop:
                    paint.upright(painter, right + bend, line(top), line(bottom))
            for row in rows:
                child = self._layout.at.get((column + 1, row))
                parent = None if child is None else self._parents[child]
                if child is not None and parent is not None:
                    start = right if self._layout.rows[parent] == row else right + bend
                    paint.across(painter, start, right + gap, line(row), on_path=child in self._path)
            self._paint_path(painter, column, right, bend, line)

    def _paint_path(
        self, painter: QPainter, column: int, right: float, bend: float, line: Callable[[int], float]
    ) -> None:
        """Where the present path leaves its row."""
        for top, _ in self._layout.forks.get(column, ()):
            onward = self._onward.get(self._layout.at[column, top])
            if onward is not None and self._layout.rows[onward] != top:
                paint.turn(painter, right, right + bend, line(top), line(self._layout.rows[onward]))

    # --- hand -----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            bars = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
            self._grip = (event.position(), *bars)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is None:
            self._hover(self.entry_at(event.position()))
            return
        start, across, down = self._grip
        pulled = event.position() - start
        if pulled.manhattanLength() >= CLICK_PX:
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
            self.horizontalScrollBar().setValue(across - round(pulled.x()))
            self.verticalScrollBar().setValue(down - round(pulled.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        grip, self._grip = self._grip, None
        self.viewport().unsetCursor()
        if grip is None or (event.position() - grip[0]).manhattanLength() >= CLICK_PX:
            return
        place = self.entry_at(event.position())
        if place is not None and event.button() is Qt.MouseButton.LeftButton:
            self.picked.emit(place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self._zoom + (1 if event.angleDelta().y() > 0 else -1), event.position())
            event.accept()
            return
        turned = event.angleDelta()
        is_flat = self.verticalScrollBar().maximum() == 0
        is_sideways = abs(turned.x()) > abs(turned.y()) or event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        bar = self.horizontalScrollBar() if is_flat or is_sideways else self.verticalScrollBar()
        bar.setValue(bar.value() - (turned.x() if abs(turned.x()) > abs(turned.y()) else turned.y()))
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        place = self._index if by_key else self.entry_at(QPointF(event.pos()))
        if place is not None:
            middle = self.thumb_rect(place).center().toPoint()
            self.menu_requested.emit(place, self.viewport().mapToGlobal(middle) if by_key else event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        there = self._neighbour(key)
        if there is not None:
            self.picked.emit(there)
        elif key in (Qt.Key.Key_S, Qt.Key.Key_Asterisk):
            self.star_wanted.emit(self._index)
        elif key == Qt.Key.Key_F2:
            self.rename_wanted.emit(self._index)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_zoom(self._zoom + 1)
        elif key == Qt.Key.Key_Minus:
            self.set_zoom(self._zoom - 1)
        elif key not in _WALKS:
            super().keyPressEvent(event)

    def _neighbour(self, key: int) -> int | None:
        match key:
            case Qt.Key.Key_Left:
                return self._parents[self._index]
            case Qt.Key.Key_Right:
                return self._onward.get(self._index)
            case Qt.Key.Key_Home:
                return 0
            case Qt.Key.Key_End:
                return next((place for place in self._path if place not in self._onward), None)
            case Qt.Key.Key_Up | Qt.Key.Key_Down:
                row = self._layout.rows[self._index] + (-1 if key == Qt.Key.Key_Up else 1)
                column = self._layout.columns[self._index]
                beside = self._rows.get(row, ())
                return min(beside, key=lambda cell: abs(cell[0] - column))[1] if beside else None
            case _:
                return None

    def _hover(self, place: int | None) -> None:
        if place != self._hovered:
            self._hovered = place
            self.looked_at.emit(place)
            self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit_bars()
        self._settle.start()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._settle.start()
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            place = self.entry_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), "" if place is None else self.words(place), self.viewport())
            return True
        return super().viewportEvent(event)

    def title(self, place: int) -> str:
        """What stands under an entry: its name, or what led to it, with the values where the label is a plain one."""
        entry, parent = self._entries[place], self._parents[place]
        if entry.name or parent is None:
            return entry.title
        before = self._entries[parent].state
        if entry.label not in (LABEL, change_label(before, entry.state)):
            return entry.label
        return main_difference(before, entry.state) or entry.label

    def words(self, place: int) -> str:
        """What an entry is, and what it changed."""
        entry, parent = self._entries[place], self._parents[place]
        changed = "" if parent is None else summary(self._entries[parent].state, entry.state, most=6)
        return "\n".join(dict.fromkeys(filter(None, (entry.name, entry.label, changed))))


_WALKS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)
