"""How far the picture still is from the portrait, step by step; a hand on it goes back to an earlier one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme import caption_font, current_theme, mix
from gui.widgets.hand import KeyStep, key_step

HEIGHT_PX = 116
PAGE_STOPS = 10
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 46.0, 14.0, 10.0, 22.0
_TITLE = "pixels off"


class DistancePlot(QWidget):
    """Click or drag along it, or walk it with the arrow keys; End and a double-click go back to the newest step."""

    picked = Signal(float)  # the step under the hand, anywhere between two stops
    walked = Signal(int)  # so many stops on, or back
    newest_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: tuple[tuple[int, float], ...] = ()
        self._stops: tuple[int, ...] = ()
        self._steps = 1
        self._chosen: int | None = None
        self._is_held = False
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setAccessibleName("Distance from the portrait over the steps")
        self.setToolTip("Click or drag to see an earlier step; arrow keys walk; End goes back to the newest")

    @property
    def points(self) -> tuple[tuple[int, float], ...]:
        """Steps and the distances there, 0 to 1."""
        return self._points

    @property
    def chosen(self) -> int | None:
        """The step that is marked; None while the newest is followed."""
        return self._chosen

    def show_curve(self, points: Sequence[tuple[int, float]], stops: Sequence[int], steps: int) -> None:
        """
        Args:
            points: Step and distance, rising.
            stops: The steps that one can go back to.
            steps: How far the axis goes.
        """
        self._points, self._stops, self._steps = tuple(points), tuple(stops), max(1, steps)
        self._tell()

    def mark(self, step: int | None) -> None:
        """Mark a step, or, with None, follow the newest."""
        self._chosen = step
        self._tell()

    def _tell(self) -> None:
        at = f"step {self._chosen}" if self._chosen is not None else "the newest step"
        newest = f", pixels {100 * self._points[-1][1]:.1f} % off now" if self._points else ""
        self.setAccessibleDescription(f"{at} of {self._steps}{newest}")
        self.update()

    # --- geometry --------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(480, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    def _plot_rect(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT_PX, _TOP_PX, -_RIGHT_PX, -_BOTTOM_PX)

    def x_of(self, step: float) -> float:
        """Where a step is, in pixels of the widget."""
        rect = self._plot_rect()
        return rect.left() + rect.width() * step / self._steps

    def _y_of(self, distance: float) -> float:
        rect = self._plot_rect()
        return rect.bottom() - rect.height() * distance / self._top()

    def _top(self) -> float:
        """The scale's upper end: a whole number of its ticks."""
        highest = max((distance for _, distance in self._points), default=0.1)
        tick = nice_tick(highest / 3)
        return tick * max(1, math.ceil(highest / tick - 1e-9))

    def _step_at(self, x: float) -> float:
        rect = self._plot_rect()
        return self._steps * min(1.0, max(0.0, (x - rect.left()) / max(1.0, rect.width())))

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._is_held = True
            self.picked.emit(self._step_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._is_held:
            self.picked.emit(self._step_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._is_held = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.newest_wanted.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.take_key(event):
            super().keyPressEvent(event)

    def take_key(self, event: QKeyEvent) -> bool:
        """Walk, if the key says so and no other is held with it. Whether it did."""
        step = key_step(event)
        if step is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        if step == KeyStep(end=1):
            self.newest_wanted.emit()
        elif step.end:
            self.walked.emit(-len(self._stops))
        else:
            self.walked.emit(step.steps + PAGE_STOPS * step.pages)
        return True

    # --- showing ---------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(caption_font())
            self._paint_axes(painter)
            self._paint_stops(painter)
            self._paint_curve(painter)
            self._paint_mark(painter)

    def _paint_axes(self, painter: QPainter) -> None:
        theme, rect = current_theme(), self._plot_rect()
        painter.fillRect(rect, mix(theme.canvas, theme.canvas_text, 0.05))
        top, tick = self._top(), nice_tick(self._top() / 3)
        for index in range(round(top / tick) + 1):
            y = round(self._y_of(index * tick)) + 0.5
            painter.setPen(QPen(mix(theme.canvas, theme.canvas_text, 0.22), 1))
            painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))
            painter.setPen(QColor(theme.canvas_text))
            box = QRectF(0, y - 8, _LEFT_PX - 6, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, percent(index * tick))
        for step in step_ticks(self._steps, max(2, int(rect.width() // 70))):
            x = self.x_of(step)
            painter.setPen(QPen(mix(theme.canvas, theme.canvas_text, 0.4), 1))
            painter.drawLine(QPointF(x, rect.bottom()), QPointF(x, rect.bottom() + 4))
            painter.setPen(QColor(theme.canvas_text))
            words = f"step {step}" if step == 0 else str(step)
            box = QRectF(x - 40, rect.bottom() + 5, 80, 16)
            box.moveRight(min(box.right(), self.width() + 26.0))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
        painter.setPen(QColor(theme.canvas_text))
        title = QRectF(rect.left(), rect.top() + 2, rect.width() - 8, 16)
        painter.drawText(title, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _TITLE)

    def _paint_stops(self, painter: QPainter) -> None:
        """A short line on the foot for every step that one can go back to."""
        theme, rect = current_theme(), self._plot_rect()
        painter.setPen(QPen(mix(theme.canvas, theme.canvas_text, 0.6), 1))
        for step in self._stops:
            x = self.x_of(step)
            painter.drawLine(QPointF(x, rect.bottom() - 4), QPointF(x, rect.bottom()))

    def _paint_curve(self, painter: QPainter) -> None:
        theme = current_theme()
        places = [QPointF(self.x_of(step), self._y_of(distance)) for step, distance in self._points]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.focus), 2))
        if len(places) > 1:
            painter.drawPolyline(QPolygonF(places))
        if places:
            painter.setBrush(QColor(theme.focus))
            painter.drawEllipse(places[-1], 2.0, 2.0)

    def _paint_mark(self, painter: QPainter) -> None:
        theme, rect = current_theme(), self._plot_rect()
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(mix(theme.canvas, theme.focus, 0.6), 1))
            painter.drawRect(rect.adjusted(-0.5, -0.5, 0.5, 0.5))
        if self._chosen is None:
            return
        x = self.x_of(self._chosen)
        painter.setPen(QPen(QColor(theme.knob), 1))
        painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))
        distance = dict(self._points).get(self._chosen)
        at = QPointF(x, rect.top() if distance is None else self._y_of(distance))
        painter.setPen(QPen(QColor(theme.knob_edge), 2))
        painter.setBrush(QColor(theme.knob))
        painter.drawEllipse(at, 5.5, 5.5)

    def focusInEvent(self, event: QEvent) -> None:
        self.update()

    def focusOutEvent(self, event: QEvent) -> None:
        self._is_held = False
        self.update()


def nice_tick(wanted: float) -> float:
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below `wanted`."""
    power = 10.0 ** math.floor(math.log10(max(wanted, 1e-6)))
    return next(power * times for times in (1, 2, 2.5, 5, 10) if power * times >= wanted * (1 - 1e-9))


def percent(share: float) -> str:
    """``4 %``, ``2.5 %``."""
    return f"{100 * share:.3g} %"


def step_ticks(steps: int, most: int) -> tuple[int, ...]:
    """Whole steps, evenly apart, from 0 to the last; at most `most` beside it."""
    apart = max(1, round(nice_tick(steps / most)))
    ticks = [step for step in range(0, steps + 1, apart) if step in (0, steps) or steps - step > 0.6 * apart]
    return tuple(ticks) if steps in ticks else (*ticks, steps)
