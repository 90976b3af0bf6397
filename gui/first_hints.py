"""The first start's hint on three controls. It goes away at the first drag and never comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QWidget

from gui.theme import caption_font, current_theme

_ROOM_PX = 2
_DOT_PX = 14
_MARGIN_PX = 16
_SIDE_PX = 4
_LEGEND_PAD_PX = 10


@dataclass(frozen=True, slots=True, eq=False)
class Hint:
    """`text` starts with the control's name."""

    control: QWidget
    text: str


class Ring(QWidget):
    """A numbered outline round a control. The mouse goes through it."""

    def __init__(self, number: int, control: QWidget, window: QWidget) -> None:
        super().__init__(window)
        self._number = number
        self._control = control
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def place(self) -> None:
        """Follow the control; hide while it cannot be seen whole."""
        window = self.parentWidget()
        seen = self._control.visibleRegion().boundingRect()
        if self._control.window() is not window or seen != self._control.rect():
            self.hide()
            return
        room = _ROOM_PX + _DOT_PX // 2
        sides = room + _SIDE_PX
        box = self._control.rect().translated(self._control.mapTo(window, QPoint(0, 0)))
        # At the window's edge the number would be cut in two: there the ring is narrower.
        self.setGeometry(box.adjusted(-min(sides, box.left()), -room, sides, room))
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, inset = current_theme(), _DOT_PX / 2
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme.focus), 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 6, 6)
            paint_number(painter, QPointF(inset, self.height() / 2), self._number)


class Legend(QLabel):
    """What the numbers say, at the foot of the picture."""

    def __init__(self, hints: Sequence[Hint], canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        marks = "①②③④⑤"
        words = [f"{marks[place]} {hint.text}" for place, hint in enumerate(hints)]
        self.setText("Three to try:  " + "   ".join(word.replace(" ", "\u00a0") for word in words))
        self._tint()

    def place(self) -> None:
        words = self.fontMetrics().horizontalAdvance(self.text()) + 2 * _LEGEND_PAD_PX + 4
        width = min(self._canvas.width() - 2 * _MARGIN_PX, words)
        height = self.heightForWidth(width)
        left = (self._canvas.width() - width) // 2
        self.setGeometry(left, self._canvas.height() - height - _MARGIN_PX // 2, width, height)
        self.show()
        self.raise_()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        theme = current_theme()
        ground = QColor(theme.canvas)
        over_pictures = f"rgba({ground.red()}, {ground.green()}, {ground.blue()}, 0.86)"
        style = (
            f"color: {theme.canvas_text}; background: {over_pictures};"
            f" border-radius: 6px; padding: 3px {_LEGEND_PAD_PX}px;"
        )
        if style != self.styleSheet():
            self.setStyleSheet(style)


class FirstHints(QObject):
    """Rings at some controls of a window and a legend on its canvas."""

    def __init__(self, window: QWidget, canvas: QWidget, hints: Sequence[Hint]) -> None:
        super().__init__(window)
        rings = [Ring(number, hint.control, window) for number, hint in enumerate(hints, start=1)]
        self.parts: list[Ring | Legend] = [*rings, Legend(hints, canvas)]
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._place)
        self._watched: set[QWidget] = {window, canvas}
        for hint in hints:
            widget: QWidget | None = hint.control
            while widget is not None and widget is not window:
                self._watched.add(widget)
                widget = widget.parentWidget()
        for widget in self._watched:
            widget.installEventFilter(self)
        self._soon.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self._soon.start()
        return False

    def _place(self) -> None:
        for part in self.parts:
            part.place()

    def dismiss(self) -> None:
        self._soon.stop()
        for widget in self._watched:
            widget.removeEventFilter(self)
        self._watched = set()
        for part in self.parts:
            part.hide()
            part.deleteLater()
        self.parts = []


def paint_number(painter: QPainter, middle: QPointF, number: int) -> None:
    """A digit in a disc."""
    theme = current_theme()
    box = QRectF(middle.x() - _DOT_PX / 2, middle.y() - _DOT_PX / 2, _DOT_PX, _DOT_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.focus))
    painter.drawEllipse(box)
    painter.setFont(caption_font())
    painter.setPen(QColor(theme.window))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(number))
