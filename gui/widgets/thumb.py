"""Small rounded pictures."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from gui.pixels import square_thumbnail
from gui.theme import current_theme


class Thumb(QWidget):
    """A small rounded picture; an empty frame until there is one."""

    def __init__(self, size_px: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self.setFixedSize(size_px, size_px)

    def set_image(self, image: QImage) -> None:
        self._image = square_thumbnail(image, round(self.width() * self.devicePixelRatioF()))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            paint_thumb(painter, QRectF(self.rect()), self._image)


def paint_thumb(painter: QPainter, rect: QRectF, image: QImage | None, *, radius: float = 3) -> None:
    """An image with rounded corners and a hairline, or an empty place for one."""
    theme = current_theme()
    shape = QPainterPath()
    shape.addRoundedRect(rect, radius, radius)
    painter.save()
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    if image is None or image.isNull():
        painter.setPen(QPen(QColor(theme.line), 1))
        painter.setBrush(QColor(theme.sunken))
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
    else:
        painter.setClipPath(shape)
        painter.drawImage(rect, image)
    painter.restore()
