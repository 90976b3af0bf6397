"""The hand on the canvas: pan, zoom, the wipe's handle, and what the cursor says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent

from gui.comparison import CompareStyle
from gui.widgets.hand import is_fine, is_snapping

if TYPE_CHECKING:
    from gui.canvas import Canvas

WHEEL_FACTOR = 1.2
_HANDLE_REACH_PX = 14
_WIPE_STEP = 0.02
_PAN_STEP_PX = 40.0


@dataclass
class _Press:
    last: QPointF
    moves_wipe: bool


class CanvasHand:
    """What a canvas does with the mouse and the keys."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._press: _Press | None = None

    def press(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._press = _Press(event.position(), self._grabs_wipe(event))
            if self._press.moves_wipe:
                self._move_wipe(event.position())
            self.show_cursor(event.position())

    def move(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._press is None:
            self.show_cursor(position)
        elif self._press.moves_wipe:
            self._move_wipe(position)
        else:
            moved = position - self._press.last
            self._canvas.pan_by(moved.x(), moved.y())
            self._press.last = position

    def release(self, event: QMouseEvent) -> None:
        self._press = None
        self.show_cursor(event.position())

    def double_click(self, event: QMouseEvent) -> None:
        if self._is_wiping and self._is_near_handle(event.position()):
            self._canvas.set_wipe(0.5)
        else:
            self._canvas.fit()

    def key(self, event: QKeyEvent) -> bool:
        """Whether the key was for the canvas."""
        canvas = self._canvas
        directions = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        direction = directions.get(Qt.Key(event.key()))
        along = 0 if direction is None else direction[1 if canvas.comparison.is_level else 0]
        if self._is_wiping and canvas.zoom.is_fitted and along:
            step = 0.25 if is_snapping(event) else _WIPE_STEP * (0.1 if is_fine(event) else 1)
            canvas.set_wipe(canvas.wipe + along * step)
        elif direction is not None and canvas.zoom.factor > 1:
            canvas.pan_by(*(-_PAN_STEP_PX * part for part in direction))
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            canvas.zoom_by(WHEEL_FACTOR)
        elif event.key() == Qt.Key.Key_Minus:
            canvas.zoom_by(1 / WHEEL_FACTOR)
        else:
            return False
        return True

    def show_cursor(self, position: QPointF | None = None) -> None:
        canvas = self._canvas
        is_panning = self._press is not None and not self._press.moves_wipe
        if is_panning and canvas.zoom.factor > 1:
            shape = Qt.CursorShape.ClosedHandCursor
        elif self._is_wiping and position is not None and self._is_near_handle(position):
            shape = Qt.CursorShape.SplitVCursor if canvas.comparison.is_level else Qt.CursorShape.SplitHCursor
        elif canvas.zoom.factor > 1:
            shape = Qt.CursorShape.OpenHandCursor
        else:
            shape = Qt.CursorShape.ArrowCursor
        canvas.setCursor(shape)

    @property
    def _is_wiping(self) -> bool:
        return self._canvas.look.style is CompareStyle.WIPE

    def _grabs_wipe(self, event: QMouseEvent) -> bool:
        if not self._is_wiping or event.button() is not Qt.MouseButton.LeftButton:
            return False
        return self._canvas.zoom.is_fitted or self._is_near_handle(event.position())

    def _is_near_handle(self, position: QPointF) -> bool:
        return abs(self._along(position) - self._canvas.wipe_place()) <= _HANDLE_REACH_PX

    def _move_wipe(self, position: QPointF) -> None:
        start, end = self._canvas.wipe_span()
        if end > start:
            self._canvas.set_wipe((self._along(position) - start) / (end - start))

    def _along(self, position: QPointF) -> float:
        return position.y() if self._canvas.comparison.is_level else position.x()
