"""The noise strip: one bar per layer, how strong its noise is."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from gui.theme import current_theme, mix
from gui.widgets.columns import Columns
from gui.widgets.hand import Drag, is_fine

HEIGHT_PX = 48
_GAP_PX = 3.0
_PAD_PX = 2.0


class NoiseStrip(Columns):
    """Factor on each layer's noise: 0 none, 1 as trained, up to 2. Drag across to draw all bars in one go."""

    values_changed = Signal(object)
    column_lock_changed = Signal(int, bool)
    pointed = Signal(int)  # the layer that is pointed at, or that keys act on

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0.0, 2.0, 1.0, unfolded=True, lockable=True, foldable=False, parent=parent)
        self._locked_columns: frozenset[int] = frozenset()
        self._inert: frozenset[int] = frozenset()
        self.setAccessibleName("Noise strength per layer")
        self.setFixedHeight(HEIGHT_PX)
        self.values_edited.connect(self.values_changed)

    def set_inert(self, inert: frozenset[int]) -> None:
        """Layers without noise: they show nothing, and stay as they are."""
        if inert != self._inert:
            self._inert = inert
            first = min(set(range(self.column_count)) - inert, default=0)
            self._go_to(first if self._current in inert else self._current)

    def _set_column(self, column: int, value: float) -> None:
        if column not in self._inert:
            super()._set_column(column, value)

    def set_locked_columns(self, locked: frozenset[int]) -> None:
        """Layers that chance leaves alone."""
        self._locked_columns = locked
        self.update()

    @property
    def is_locked(self) -> bool:
        """Of the current layer."""
        return self._current in self._locked_columns

    def set_locked(self, locked: bool) -> None:
        if locked != self.is_locked:
            self.set_locked_columns(self._locked_columns ^ {self._current})
            self.column_lock_changed.emit(self._current, locked)

    def is_column_locked(self, column: int) -> bool:
        return column in self._locked_columns

    def _tell_accessibility(self) -> None:
        super()._tell_accessibility()
        self.pointed.emit(self._current)

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, HEIGHT_PX)

    def column_x(self, column: int) -> float:
        return self.bar_rect(column).center().x()

    def value_y(self, value: float) -> float:
        return _PAD_PX + (self.height() - 2 * _PAD_PX) * (1 - value / 2)

    def bar_rect(self, column: int) -> QRectF:
        """The whole place of a bar, whatever its height."""
        pitch = (self.width() + _GAP_PX) / max(1, self.column_count)
        return QRectF(column * pitch, _PAD_PX, pitch - _GAP_PX, self.height() - 2 * _PAD_PX)

    def _drag_to(self, event: QMouseEvent) -> None:
        """Crossing into another bar draws on: every bar in between takes the pointer's height."""
        column = self.column_at(event.position().x())
        if column != self._current and self._drag is not None:
            value = self._drag.value_at(event.position().y(), is_fine(event))
            step = 1 if column > self._current else -1
            for crossed in range(self._current + step, column + step, step):
                self._current = crossed
                self._follow(event)
            self._drag = Drag(event.position().y(), value, self._value_per_px(), is_fine(event))
        self._follow(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            bar_color = mix(theme.panel, theme.muted, 0.55) if self.isEnabled() else QColor(theme.line)
            neutral = round(self.value_y(1.0))
            for column in sorted(set(range(self.column_count)) - self._inert):
                place = self.bar_rect(column)
                value = self.column_value(column)
                top = min(self.value_y(value), place.bottom() - 1.5)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(theme.sunken))
                painter.drawRoundedRect(place, 2, 2)
                painter.fillRect(QRectF(place.left(), neutral, place.width(), 1), mix(theme.sunken, theme.muted, 0.5))
                is_lit = self.isEnabled() and column == self._hovered
                painter.setBrush(mix(bar_color.name(), theme.text, 0.25) if is_lit else bar_color)
                painter.drawRoundedRect(QRectF(place.left(), top, place.width(), place.bottom() - top), 2, 2)
                if self.hasFocus() and column == self.current:
                    painter.setPen(QPen(QColor(theme.focus), 1.5))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRoundedRect(place.adjusted(0.5, -1, -0.5, 1), 2, 2)
