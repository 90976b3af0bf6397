"""Eyes for tests: what colours are on a widget."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget


def image_of(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def colors_in(image: QImage, rect: QRectF | None = None) -> set[str]:
    """Every solid colour in a part of an image."""
    whole = QRectF(image.rect())
    part = (whole if rect is None else rect.intersected(whole)).toAlignedRect().intersected(image.rect())
    colors = (
        image.pixelColor(x, y)
        for x in range(part.left(), part.right() + 1)
        for y in range(part.top(), part.bottom() + 1)
    )
    return {color.name() for color in colors if color.alpha() == 255}


def color_at(image: QImage, place: QPointF | tuple[float, float]) -> QColor:
    point = place if isinstance(place, QPointF) else QPointF(*place)
    return image.pixelColor(point.toPoint())


def is_near(one: QColor, other: QColor | str, tolerance: int = 12) -> bool:
    wanted = QColor(other)
    pairs = ((one.red(), wanted.red()), (one.green(), wanted.green()), (one.blue(), wanted.blue()))
    return all(abs(a - b) <= tolerance for a, b in pairs)
