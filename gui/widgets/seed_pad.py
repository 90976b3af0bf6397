"""The seed pad: a walk round a seed in two directions."""

from __future__ import annotations

import math
import random
import re

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from gui.theme import Theme, current_theme, mix
from gui.widgets.arithmetic import evaluate, is_number
from gui.widgets.hand import CLICK_PX, Drag, HandWidget, is_fine, is_snapping, key_step
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.slider_paint import paint_knob

SIZE_PX = 84
STEP = 0.05
PAGE = 0.25
_KNOB_ROOM_PX = 7.0
_DECIMALS = 3


class SeedPad(HandWidget):
    """A dot in the unit circle: (0, 0) is the seed itself, x to the right, y up, both in [-1, 1]."""

    moved = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, lockable=True)
        self._x = self._y = 0.0
        self._drags: tuple[Drag, Drag] | None = None
        self._press = QPointF()
        self._has_moved = False
        self._edit = InlineEdit(self)
        self._edit.committed.connect(self._take_typed)
        self.setFixedSize(SIZE_PX, SIZE_PX)
        self.setAccessibleName("Seed pad")

    @property
    def position(self) -> tuple[float, float]:
        return self._x, self._y

    def set_position(self, x: float, y: float) -> None:
        """Put the dot somewhere, silently. During a drag the drag wins."""
        if self._drags is None or not self._has_moved:
            self._show(*within_circle(x, y))

    def reset(self) -> None:
        """Back to the seed itself, as the user would."""
        self._change(0.0, 0.0)
        self._gesture.end()

    @property
    def is_at_default(self) -> bool:
        return (self._x, self._y) == (0.0, 0.0)

    def randomise(self, rng: random.Random | None = None) -> None:
        """Anywhere in the circle, every place as likely as any other."""
        if not self.is_locked:
            chance = rng or random.Random()
            radius, angle = math.sqrt(chance.random()), chance.uniform(0.0, 2 * math.pi)
            self._change(radius * math.cos(angle), radius * math.sin(angle))
            self._gesture.end()

    def value_text(self) -> str:
        return f"{self._x:g} {self._y:g}"

    def can_take(self, text: str) -> bool:
        parts = _parts(text)
        return len(parts) == 2 and all(is_number(part) for part in parts)

    def take_text(self, text: str) -> None:
        x, y = (evaluate(part) for part in _parts(text))
        self._change(x, y)
        self._gesture.end()

    def pad_rect(self) -> QRectF:
        """The square in which the dot's middle moves."""
        edge = min(self.width(), self.height()) - 2 * _KNOB_ROOM_PX
        return QRectF((self.width() - edge) / 2, (self.height() - edge) / 2, edge, edge)

    def dot(self) -> QPointF:
        """Where the dot's middle is."""
        rect = self.pad_rect()
        radius, middle = rect.width() / 2, rect.center()
        return QPointF(middle.x() + self._x * radius, middle.y() - self._y * radius)

    def _show(self, x: float, y: float) -> None:
        if (x, y) != (self._x, self._y):
            self._x, self._y = x, y
            self.setAccessibleDescription(f"{x:.2f} across, {y:.2f} up")
            self.update()

    def _change(self, x: float, y: float) -> None:
        """A step of the open gesture."""
        x, y = within_circle(x, y)
        if (x, y) != (self._x, self._y):
            self._gesture.hold()
            self._show(x, y)
            self.moved.emit(x, y)

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._gesture.end()
        position, per_px = event.position(), 2 / self.pad_rect().width()
        distance = math.hypot(position.x() - self.dot().x(), position.y() - self.dot().y())
        keeps = is_fine(event) or distance <= 9
        middle = self.pad_rect().center()
        x = self._x if keeps else (position.x() - middle.x()) * per_px
        y = self._y if keeps else -(position.y() - middle.y()) * per_px
        fine = is_fine(event)
        self._drags = (Drag(position.x(), x, per_px, fine), Drag(position.y(), y, -per_px, fine))
        self._press, self._has_moved = position, False
        if not keeps:
            self._follow(event)

    def _follow(self, event: QMouseEvent) -> None:
        assert self._drags is not None
        across, up = self._drags
        x = across.value_at(event.position().x(), is_fine(event))
        y = up.value_at(event.position().y(), is_fine(event))
        if is_snapping(event):
            x, y = (round(value / PAGE) * PAGE for value in (x, y))
        self._change(x, y)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drags is None:
            return
        if not self._has_moved and (event.position() - self._press).manhattanLength() < CLICK_PX:
            return
        self._has_moved = True
        self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._drags is None:
            return
        self._drags = None
        if self._has_moved:
            self._gesture.end()
        else:
            self._gesture.settle()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._drags = None
            self.reset()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = key_step(event)
        if step is not None and not step.end:
            across = event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
            size = step.steps * (PAGE if is_snapping(event) else STEP) + step.pages * PAGE
            size *= 0.1 if is_fine(event) else 1.0
            self._change(self._x + (size if across else 0.0), self._y + (0.0 if across else size))
            self._gesture.settle()
        elif not self.take_common_key(event):
            super().keyPressEvent(event)

    def type_value(self) -> None:
        text = f"{self._x:.2f}  {self._y:.2f}"
        rect = QRect(2, self.height() // 2 - 11, self.width() - 4, 22)
        self._edit.open_at(rect, text, Qt.AlignmentFlag.AlignHCenter)

    def _take_typed(self, text: str) -> None:
        if self.can_take(text):
            self.take_text(text)
        else:
            self._edit.refuse("Two numbers, such as 0.5 -0.2")

    # --- showing ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_ground(painter, theme)
            is_enabled = self.isEnabled()
            if is_enabled and (self._x or self._y):
                painter.setPen(QPen(mix(theme.sunken, theme.muted, 0.6), 1))
                painter.drawLine(self.pad_rect().center(), self.dot())
            paint_knob(painter, theme, self.dot(), is_enabled=is_enabled, has_focus=self.hasFocus())

    def _paint_ground(self, painter: QPainter, theme: Theme) -> None:
        edge = min(self.width(), self.height())
        ground = QRectF((self.width() - edge) / 2, (self.height() - edge) / 2, edge, edge)
        outline = QPainterPath()
        outline.addRoundedRect(ground, 6, 6)
        painter.fillPath(outline, QColor(theme.sunken))
        rect = self.pad_rect()
        painter.save()
        painter.setClipPath(outline)
        painter.setPen(QPen(mix(theme.sunken, theme.line, 0.7), 1))
        for quarter in range(1, 4):
            x = round(rect.left() + rect.width() * quarter / 4) + 0.5
            y = round(rect.top() + rect.height() * quarter / 4) + 0.5
            painter.drawLine(QPointF(x, ground.top()), QPointF(x, ground.bottom()))
            painter.drawLine(QPointF(ground.left(), y), QPointF(ground.right(), y))
        painter.setPen(QPen(QColor(theme.line), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(rect)
        painter.restore()


def within_circle(x: float, y: float) -> tuple[float, float]:
    """The nearest point inside the unit circle, rounded to a thousandth."""
    radius = max(1.0, math.hypot(x, y))
    return round(x / radius, _DECIMALS) + 0.0, round(y / radius, _DECIMALS) + 0.0


def _parts(text: str) -> list[str]:
    return re.split(r"[;\s]+", text.strip())
