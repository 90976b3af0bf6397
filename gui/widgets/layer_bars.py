"""How far the layers of two models are apart: a bar for every convolution, a dot for every ToRGB layer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from engine.kinship import RELATED_BELOW, LayerDistance
from gui.theme import Theme, body_font, caption_font, current_theme, mix

HEIGHT_PX = 150
LEAST_TOP = 0.2
"""Distances below this are drawn small: they are."""

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 34.0, 8.0, 10.0, 22.0
_DOT_PX = 6.0


class LayerBars(QWidget):
    """Arrow keys walk the layers; Enter or a double-click asks for a swap at the resolution of one."""

    swap_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[LayerDistance, ...] = ()
        self._swap: int | None = None
        self._note = ""
        self._current = 0
        self._hovered: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedHeight(HEIGHT_PX)
        self.setAccessibleName("Distance of every layer")

    @property
    def layers(self) -> tuple[LayerDistance, ...]:
        return self._layers

    @property
    def current(self) -> int:
        """The layer that keys act on."""
        return self._current

    def show_layers(self, layers: tuple[LayerDistance, ...], swap_resolution: int | None) -> None:
        """
        Args:
            swap_resolution: Where the blend swaps now: a line is drawn above that resolution.
        """
        self._layers, self._swap, self._note = layers, swap_resolution, ""
        self._current = min(self._current, max(0, len(layers) - 1))
        self._tell_accessibility()
        self.update()

    def show_note(self, note: str) -> None:
        """Say something in place of the layers."""
        self._layers, self._note = (), note
        self.setAccessibleDescription(note)
        self.update()

    def words_of(self, index: int) -> str:
        layer = self._layers[index]
        return f"{layer.name}, {layer.resolution} px: {layer.distance:.3f}"

    # --- geometry --------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(380, HEIGHT_PX)

    def layer_x(self, index: int) -> float:
        """The middle of a layer's place."""
        width = self.width() - _LEFT_PX - _RIGHT_PX
        return _LEFT_PX + width * (index + 0.5) / max(1, len(self._layers))

    def distance_y(self, distance: float) -> float:
        height = self.height() - _TOP_PX - _BOTTOM_PX
        return _TOP_PX + height * (1 - distance / self._top)

    @property
    def _top(self) -> float:
        return 1.1 * max(LEAST_TOP, max((layer.distance for layer in self._layers), default=0.0))

    def _index_at(self, x: float) -> int | None:
        if not self._layers or not _LEFT_PX <= x < self.width() - _RIGHT_PX:
            return None
        return min(range(len(self._layers)), key=lambda index: abs(self.layer_x(index) - x))

    # --- the hand --------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._index_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def _hover(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().x())
        if index is not None:
            self._go_to(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position().x())
        if index is not None:
            self.swap_wanted.emit(self._layers[index].resolution)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps:
            self._go_to(self._current + steps[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._layers:
            self.swap_wanted.emit(self._layers[self._current].resolution)
        else:
            super().keyPressEvent(event)

    def _go_to(self, index: int) -> None:
        self._current = min(max(index, 0), max(0, len(self._layers) - 1))
        self._tell_accessibility()
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip:
            index = self._index_at(event.pos().x())  # type: ignore[attr-defined]
            words = "" if index is None else f"{self.words_of(index)}\nDouble-click: swap here"
            QToolTip.showText(event.globalPos(), words, self)  # type: ignore[attr-defined]
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def _tell_accessibility(self) -> None:
        self.setAccessibleDescription(self.words_of(self._current) if self._layers else self._note)

    # --- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme.focus), 1) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.sunken))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
            painter.setFont(caption_font())
            painter.setPen(QColor(theme.muted))
            if not self._layers:
                flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
                painter.drawText(QRectF(self.rect()).adjusted(20, 10, -20, -10), flags, self._note)
                return
            self._paint_axes(painter, theme)
            for index in range(len(self._layers)):
                self._paint_layer(painter, theme, index)

    def _paint_axes(self, painter: QPainter, theme: Theme) -> None:
        right = self.width() - _RIGHT_PX
        painter.setFont(body_font(9))
        marks = [0.0, self._top / 1.1]
        if self._top > RELATED_BELOW:
            marks.append(RELATED_BELOW)
        for value in marks:
            y = round(self.distance_y(value)) + 0.5
            is_limit = value == RELATED_BELOW
            painter.setPen(QPen(QColor(theme.warn) if is_limit else mix(theme.sunken, theme.line, 0.9), 1))
            painter.drawLine(QPointF(_LEFT_PX, y), QPointF(right, y))
            painter.setPen(QColor(theme.muted))
            box = QRectF(0, y - 8, _LEFT_PX - 6, 16)
            text = f"{value:.2g}"
            if not is_limit or abs(self.distance_y(self._top / 1.1) - y) > 12:
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        sizes = sorted({layer.resolution for layer in self._layers})
        for size in sizes:
            places = [self.layer_x(index) for index, layer in enumerate(self._layers) if layer.resolution == size]
            box = QRectF(sum(places) / len(places) - 20, self.height() - 18, 40, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(size))
        if self._swap in sizes[:-1]:
            last = max(index for index, layer in enumerate(self._layers) if layer.resolution == self._swap)
            x = (self.layer_x(last) + self.layer_x(last + 1)) / 2
            painter.setPen(QPen(QColor(theme.focus), 1.2, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, _TOP_PX), QPointF(x, self.height() - _BOTTOM_PX))

    def _paint_layer(self, painter: QPainter, theme: Theme, index: int) -> None:
        layer, x = self._layers[index], self.layer_x(index)
        is_lit = index == self._hovered or (self.hasFocus() and index == self._current)
        color = QColor(theme.text if is_lit else theme.warn if layer.is_colour else theme.muted)
        top, ground = self.distance_y(layer.distance), self.distance_y(0.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        if layer.is_colour:
            painter.drawEllipse(QPointF(x, top), _DOT_PX / 2, _DOT_PX / 2)
            return
        pitch = (self.width() - _LEFT_PX - _RIGHT_PX) / len(self._layers)
        width = max(2.0, min(10.0, pitch - 2))
        bar = QRectF(x - width / 2, min(top, ground - 1.5), width, max(1.5, ground - top))
        painter.drawRoundedRect(bar, 1.5, 1.5)
