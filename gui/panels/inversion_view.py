"""What is seen while a portrait is searched: the portrait left, the model's improving picture of it right."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from engine.messages import Pixels
from gui.pixels import to_qimage
from gui.theme import body_font, caption_font, current_theme
from gui.widgets.distance_plot import DistancePlot

GAP_PX = 20
MARGIN_PX = 24
CAPTION_PX = 26
BAR_PX = 2
PLOT_PX = 84
PLOT_WIDTH_PX = 440


class InversionView(QWidget):
    """A click or Esc goes back to the picture; the search goes on in its card."""

    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._target: QImage | None = None
        self._found: QImage | None = None
        self._names = ("", "")
        self._text = ""
        self._fraction: float | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Search for the portrait")
        self._plot = DistancePlot(self)

    @property
    def found(self) -> QImage | None:
        """The improving picture."""
        return self._found

    @property
    def fraction(self) -> float:
        """How far the search is, 0 to 1."""
        return self._fraction or 0.0

    def begin(self, target: QImage, portrait_name: str, model_name: str) -> None:
        self._target = target
        self._found = None
        self._names = (portrait_name, f"found so far in “{model_name}”")
        self._text, self._fraction = "Waiting for the engine", None
        self._plot.begin()
        self.update()

    def show_progress(
        self, fraction: float | None, text: str, preview: Pixels | None, distance: float | None = None
    ) -> None:
        if preview is not None:
            self._found = to_qimage(preview)
        if fraction is not None and distance is not None:
            self._plot.add(fraction, distance)
        self._text, self._fraction = text, fraction
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        width = min(PLOT_WIDTH_PX, self.width() - 2 * MARGIN_PX)
        top = self._squares()[0].bottom() + 2 * CAPTION_PX + 14
        self._plot.setGeometry((self.width() - width) // 2, top, width, PLOT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(theme.canvas))
        left, right = self._squares()
        self._paint_picture(painter, left, self._target, self._names[0])
        self._paint_picture(painter, right, self._found, self._names[1])
        painter.setFont(body_font())
        painter.setPen(QColor(theme.canvas_text))
        line = QRect(0, left.bottom() + CAPTION_PX + 14, self.width(), 24)
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, self._text)
        if self._fraction is not None:
            bar = QRectF(0, self.height() - BAR_PX, self.width() * self._fraction, BAR_PX)
            painter.fillRect(bar, QColor(theme.focus))

    def _squares(self) -> tuple[QRect, QRect]:
        wide = (self.width() - GAP_PX - 2 * MARGIN_PX) // 2
        below = 2 * CAPTION_PX + 24 + PLOT_PX
        side = max(16, min(wide, self.height() - 2 * MARGIN_PX - below))
        top = max(MARGIN_PX, (self.height() - side - below) // 2)
        start = (self.width() - 2 * side - GAP_PX) // 2
        return QRect(start, top, side, side), QRect(start + side + GAP_PX, top, side, side)

    def _paint_picture(self, painter: QPainter, square: QRect, picture: QImage | None, name: str) -> None:
        theme = current_theme()
        if picture is not None:
            painter.drawImage(square, picture)
        else:
            painter.setPen(QPen(QColor(theme.line), 1, Qt.PenStyle.DashLine))
            painter.drawRect(square.adjusted(0, 0, -1, -1))
        painter.setFont(caption_font())
        painter.setPen(QColor(theme.canvas_text))
        caption = QRect(square.left(), square.bottom() + 6, square.width(), CAPTION_PX)
        shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, square.width())
        painter.drawText(caption, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, shown)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
