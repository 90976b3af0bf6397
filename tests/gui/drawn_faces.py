"""Little drawn portraits, so that tests and the gallery need no files."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPainterPath, QPen

from engine.messages import Pixels

LEFT_EYE, RIGHT_EYE, MOUTH = (0.39, 0.46), (0.61, 0.46), (0.5, 0.68)
"""Where the points of a drawn face are, as shares of its edge."""

_GROUNDS = ("#cfd2d6", "#b4e59a", "#e9d9b8", "#b9dcd6", "#c9c3de", "#d98a62", "#dfe6ea", "#a9c7b0")
_SKINS = ("#8d5b45", "#e7b596", "#c98a68", "#f0c9ae", "#6b4536", "#d7a27f")
_HAIRS = ("#221d1b", "#6a4426", "#1b1b20", "#c9a25b", "#7b3b25", "#3c3a40")


def draw_face(number: int, edge_px: int = 256, *, toon: bool = False) -> QImage:
    """A face of its own for every number; `toon` gives the same person large eyes and ink lines."""
    image = QImage(edge_px, edge_px, QImage.Format.Format_RGB32)
    skin, hair = QColor(_SKINS[number % len(_SKINS)]), QColor(_HAIRS[number * 5 % len(_HAIRS)])
    with QPainter(image) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(edge_px, edge_px)
        ground = QLinearGradient(0, 0, 0, 1)
        color = QColor(_GROUNDS[(number * 3 + (1 if toon else 0)) % len(_GROUNDS)])
        ground.setColorAt(0, color.lighter(104))
        ground.setColorAt(1, color.darker(106))
        painter.fillRect(QRectF(0, 0, 1, 1), ground)
        painter.setPen(QPen(QColor("#2a1d18"), 0.008) if toon else Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#f2f2f2") if not toon else QColor("#7a63c0"))
        painter.drawEllipse(QPointF(0.5, 1.08), 0.42, 0.22)
        painter.setBrush(skin.darker(112))
        painter.drawRect(QRectF(0.42, 0.72, 0.16, 0.18))
        painter.setBrush(hair)
        painter.drawEllipse(QPointF(0.5, 0.36), 0.29, 0.27)
        painter.setBrush(skin)
        painter.drawEllipse(QPointF(0.5, 0.5), 0.24, 0.31)
        fringe = QPainterPath(QPointF(0.26, 0.42))
        fringe.quadTo(QPointF(0.5, 0.10 + 0.03 * (number % 4)), QPointF(0.74, 0.42))
        fringe.quadTo(QPointF(0.5, 0.22), QPointF(0.26, 0.42))
        painter.setBrush(hair)
        painter.drawPath(fringe)
        _draw_features(painter, hair, skin, 1.5 if toon else 1.0)
    return image


def _draw_features(painter: QPainter, hair: QColor, skin: QColor, eyes: float) -> None:
    painter.setPen(QPen(hair, 0.014))
    for sign, (x, y) in ((-1, LEFT_EYE), (1, RIGHT_EYE)):
        painter.drawLine(QPointF(x - 0.05, y - 0.06 - 0.01 * sign), QPointF(x + 0.05, y - 0.06 + 0.01 * sign))
    painter.setPen(Qt.PenStyle.NoPen)
    for x, y in (LEFT_EYE, RIGHT_EYE):
        painter.setBrush(QColor("#fbfbf8"))
        painter.drawEllipse(QPointF(x, y), 0.045 * eyes, 0.024 * eyes)
        painter.setBrush(QColor("#33241c"))
        painter.drawEllipse(QPointF(x, y), 0.018 * eyes, 0.018 * eyes)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(skin.darker(135), 0.012))
    painter.drawLine(QPointF(0.5, 0.48), QPointF(0.485, 0.59))
    painter.drawLine(QPointF(0.485, 0.59), QPointF(0.515, 0.59))
    painter.setPen(QPen(QColor("#a83c3f"), 0.022))
    mouth = QPainterPath(QPointF(MOUTH[0] - 0.07, MOUTH[1] - 0.008))
    mouth.quadTo(QPointF(MOUTH[0], MOUTH[1] + 0.02), QPointF(MOUTH[0] + 0.07, MOUTH[1] - 0.008))
    painter.drawPath(mouth)


def pixels_of(image: QImage) -> Pixels:
    """A fresh ``[H, W, 4]`` BGRX array of an image."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return rows[:, : image.width()].copy()  # the image goes away


def plain_pixels(edge_px: int, rgb: tuple[int, int, int]) -> Pixels:
    """One colour all over."""
    pixels = np.empty((edge_px, edge_px, 4), np.uint8)
    pixels[:] = (*reversed(rgb), 255)
    return pixels
