"""The first start's hint on three controls. It goes away at the first drag and never comes back."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui.theme import body_font, current_theme

_ARROW_PX = 7
_PAD_PX = 10
_HEIGHT_PX = 30
_GAP_PX = 6


class Bubble(QWidget):
    """Words with a small arrow to the right, at the left of a control. The mouse goes through it."""

    def __init__(self, text: str, target: QWidget, window: QWidget) -> None:
        super().__init__(window)
        self.text = text
        self._target = target
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        width = QFontMetrics(body_font()).horizontalAdvance(text) + 2 * _PAD_PX + _ARROW_PX
        self.resize(width, _HEIGHT_PX)

    def place(self) -> None:
        """Follow the control; hide while it cannot be seen."""
        window = self.parentWidget()
        seen = self._target.visibleRegion().boundingRect()
        if seen.isEmpty() or self._target.window() is not window:
            self.hide()
            return
        middle = self._target.mapTo(window, QPoint(0, seen.center().y()))
        self.move(middle.x() - self.width() - _GAP_PX, middle.y() - self.height() // 2)
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        box = QRectF(0.5, 0.5, self.width() - _ARROW_PX - 1, self.height() - 1)
        shape = QPainterPath()
        shape.addRoundedRect(box, 6, 6)
        arrow = QPainterPath(QPointF(box.right() - 0.5, box.center().y() - _ARROW_PX))
        arrow.lineTo(box.right() + _ARROW_PX, box.center().y())
        arrow.lineTo(box.right() - 0.5, box.center().y() + _ARROW_PX)
        arrow.closeSubpath()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QColor(theme.focus))
            painter.setBrush(QColor(theme.raised))
            painter.drawPath(shape.united(arrow))
            painter.setFont(body_font())
            painter.setPen(QColor(theme.text))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.text)


class FirstHints(QObject):
    """Bubbles at some controls of a window."""

    def __init__(self, window: QWidget, hints: Sequence[tuple[QWidget, str]]) -> None:
        super().__init__(window)
        self.bubbles = [Bubble(text, target, window) for target, text in hints]
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._place)
        self._watched: list[QWidget] = [window]
        for target, _ in hints:
            widget: QWidget | None = target
            while widget is not None and widget is not window:
                self._watched.append(widget)
                widget = widget.parentWidget()
        for widget in self._watched:
            widget.installEventFilter(self)
        self._soon.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self._soon.start()
        return False

    def _place(self) -> None:
        for bubble in self.bubbles:
            bubble.place()

    def dismiss(self) -> None:
        self._soon.stop()
        for widget in self._watched:
            widget.removeEventFilter(self)
        self._watched = []
        for bubble in self.bubbles:
            bubble.hide()
            bubble.deleteLater()
        self.bubbles = []
