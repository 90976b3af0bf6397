"""The sheet of variations: a square of pictures that one walks with the arrow keys and picks from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QToolTip, QWidget

from engine.state import EditState
from gui.icons import paint_icon
from gui.theme import RADIUS_PX, body_font, caption_font, current_theme
from gui.widgets.thumb import paint_thumb

GAP_PX = 6
MARGIN_PX = 8
MARK_PX = 18
_STEPS = {
    Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
}
_TAKES = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


@dataclass(frozen=True, slots=True)
class Cell:
    """Attributes:
    words: What it changes; empty for the present picture.
    is_kept: It hangs in the history already.
    """

    state: EditState
    picture: QImage | None = None
    words: str = ""
    is_kept: bool = False


def place_of_present(edge: int) -> int:
    """The middle of an odd sheet, else its first place."""
    return edge * edge // 2 if edge % 2 else 0


class VariationSheet(QWidget):
    """A click or Enter takes a picture, a right or Shift click or K keeps it."""

    taken = Signal(int)
    kept = Signal(int)
    again_wanted = Signal()
    looked_at = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells: tuple[Cell, ...] = ()
        self._current = 0
        self._hovered: int | None = None
        self._notice = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(200, 200)
        self.setAccessibleName("Variations")

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self._cells

    @property
    def edge(self) -> int:
        return max(1, math.isqrt(len(self._cells)))

    @property
    def current(self) -> int:
        """Where the keyboard is."""
        return self._current

    @property
    def looked(self) -> int:
        """What the pointer is on, or else the keyboard."""
        return self._current if self._hovered is None else self._hovered

    def set_cells(self, cells: Sequence[Cell], *, keep_place: bool = False, notice: str = "") -> None:
        """Show a square of cells.

        Args:
            keep_place: Leave the keyboard where it is.
            notice: Said over the pictures.
        """
        was_as_large = len(cells) == len(self._cells)
        self._cells, self._notice = tuple(cells), notice
        if not keep_place or not was_as_large:
            self._current = place_of_present(self.edge)
        if self._hovered is not None and self._hovered >= len(cells):
            self._hovered = None
        self._tell()
        self.update()

    def set_cell(self, place: int, cell: Cell) -> None:
        self._cells = (*self._cells[:place], cell, *self._cells[place + 1 :])
        self.update(self.cell_rect(place).adjusted(-4, -4, 4, 4).toAlignedRect())

    def cell_rect(self, place: int) -> QRectF:
        edge = self.edge
        side = self.cell_px_of(edge)
        left = (self.width() - edge * side - (edge - 1) * GAP_PX) / 2
        top = (self.height() - edge * side - (edge - 1) * GAP_PX) / 2
        return QRectF(left + place % edge * (side + GAP_PX), top + place // edge * (side + GAP_PX), side, side)

    def cell_px_of(self, edge: int) -> float:
        """The edge of one picture on screen, of so many beside each other."""
        room = min(self.width(), self.height()) - 2 * MARGIN_PX - (edge - 1) * GAP_PX
        return max(8.0, math.floor(room / edge))

    def cell_at(self, position: QPointF) -> int | None:
        return next((place for place in range(len(self._cells)) if self.cell_rect(place).contains(position)), None)

    def sizeHint(self) -> QSize:
        return QSize(480, 480)

    # --- hand -----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self.cell_at(event.position())
        if place is None:
            return
        self._go(place)
        if event.button() is Qt.MouseButton.LeftButton:
            keeps = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            (self.kept if keeps else self.taken).emit(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        place = self._current if by_key else self.cell_at(QPointF(event.pos()))
        if place is not None:
            self.kept.emit(place)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in _STEPS:
            across, down = _STEPS[Qt.Key(key)]
            column, row = self._current % self.edge + across, self._current // self.edge + down
            if 0 <= column < self.edge and 0 <= row < self.edge:
                self._go(row * self.edge + column)
        elif key == Qt.Key.Key_Home:
            self._go(0)
        elif key == Qt.Key.Key_End:
            self._go(len(self._cells) - 1)
        elif key in _TAKES and self._cells:
            keeps = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            (self.kept if keeps else self.taken).emit(self._current)
        elif key == Qt.Key.Key_Space:
            self.again_wanted.emit()
        else:
            super().keyPressEvent(event)

    def _go(self, place: int) -> None:
        self._current = min(max(place, 0), max(0, len(self._cells) - 1))
        self._tell()
        self.update()

    def _hover(self, place: int | None) -> None:
        if place != self._hovered:
            self._hovered = place
            self.looked_at.emit(self.looked)
            self.update()

    def _tell(self) -> None:
        if self._cells:
            words = self._cells[self._current].words or "the present picture"
            self.setAccessibleDescription(f"{self._current + 1} of {len(self._cells)}: {words}")
        self.looked_at.emit(self.looked)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            place = self.cell_at(QPointF(event.pos()))
            words = "" if place is None else self._cells[place].words or "The present picture"
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        present = place_of_present(self.edge)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.canvas))
            painter.drawRoundedRect(self.rect(), RADIUS_PX, RADIUS_PX)
            for place, cell in enumerate(self._cells):
                rect = self.cell_rect(place)
                paint_thumb(painter, rect, cell.picture, radius=4)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                if place == self._current:
                    painter.setPen(QPen(QColor(theme.focus), 3 if self.hasFocus() else 1.5))
                    painter.drawRoundedRect(rect.adjusted(-1.5, -1.5, 1.5, 1.5), 5, 5)
                elif place == self._hovered:
                    painter.setPen(QPen(QColor(theme.knob), 2))
                    painter.drawRoundedRect(rect.adjusted(-1, -1, 1, 1), 5, 5)
                if place == present:
                    self._paint_badge(painter, rect, "now")
                elif cell.is_kept:
                    self._paint_kept(painter, rect)
            if self._notice:
                painter.setFont(body_font())
                painter.setPen(QColor(theme.canvas_text))
                middle = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
                painter.drawText(self.rect().adjusted(24, 0, -24, 0), middle, self._notice)

    def _paint_badge(self, painter: QPainter, rect: QRectF, words: str) -> None:
        theme = current_theme()
        painter.setFont(caption_font())
        wide = painter.fontMetrics().horizontalAdvance(words) + 10
        badge = QRectF(rect.left() + 4, rect.top() + 4, wide, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(badge, 4, 4)
        painter.setPen(QColor(theme.text))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, words)

    def _paint_kept(self, painter: QPainter, rect: QRectF) -> None:
        theme = current_theme()
        badge = QRectF(rect.right() - MARK_PX - 4, rect.top() + 4, MARK_PX, MARK_PX)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.panel))
        painter.drawEllipse(badge)
        paint_icon(painter, badge.adjusted(3, 3, -3, -3).toRect(), "kept", QColor(theme.text))
