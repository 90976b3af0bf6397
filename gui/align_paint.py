"""How aligning a portrait looks: the crop, the rings, the small preview."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF, QTransform

from gui.picture import Picture
from gui.theme import Theme, body_font, caption_font

PREVIEW_PX = 132.0
_RING_PX = 10.0
_PILL_PX = 16.0
_MARGIN_PX = 14.0
_DIM = QColor(0, 0, 0, 140)


def ground(theme: Theme) -> QColor:
    return QColor(theme.canvas)


def polygon(corners: Sequence[QPointF]) -> QPolygonF:
    return QPolygonF(list(corners))


def paint_crop(painter: QPainter, picture: QRectF, corners: Sequence[QPointF]) -> None:
    """The picture outside the crop is dimmed, the crop's edge is a white line."""
    inside = QPainterPath()
    if corners:
        inside.addPolygon(polygon(corners))
        inside.closeSubpath()
    outside = QPainterPath()
    outside.addRect(picture)
    painter.fillPath(outside.subtracted(inside), _DIM)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 90), 3))
    painter.drawPath(inside)
    painter.setPen(QPen(QColor("#ffffff"), 1.2))
    painter.drawPath(inside)


def paint_ring(
    painter: QPainter, theme: Theme, place: QPointF, name: str, side: str, *, is_current: bool
) -> None:
    """A ring with a dot, readable on any picture, and its name on a `side` of it: left, right or below."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 150), 4.5))
    painter.drawEllipse(place, _RING_PX, _RING_PX)
    painter.setPen(QPen(QColor(theme.focus if is_current else "#ffffff"), 2))
    painter.drawEllipse(place, _RING_PX, _RING_PX)
    painter.setPen(QPen(QColor(0, 0, 0, 150), 1))
    painter.setBrush(QColor("#ffffff"))
    painter.drawEllipse(place, 2.2, 2.2)
    reach = _RING_PX + 6
    beside = {"left": QPointF(-reach, 0), "right": QPointF(reach, 0), "below": QPointF(0, reach + _PILL_PX / 2)}
    _paint_label(painter, place + beside[side], name, side)


def paint_face(painter: QPainter, theme: Theme, box: QRectF, name: str) -> None:
    """A face that was found too: click it to align that one."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 120), 3))
    painter.drawRoundedRect(box, 8, 8)
    painter.setPen(QPen(QColor("#ffffff"), 1.2, Qt.PenStyle.DashLine))
    painter.drawRoundedRect(box, 8, 8)
    _paint_label(painter, QPointF(box.center().x(), box.bottom() + 4 + _PILL_PX / 2), name, "below")


def paint_note(painter: QPainter, theme: Theme, box: QRectF, note: str, what_to_do: str, is_complaint: bool) -> None:
    """One line over the picture: what to do, after what has to be said."""
    text = f"{note}  {what_to_do}" if note and not is_complaint else note or what_to_do
    painter.setFont(body_font())
    painter.setPen(QColor(theme.canvas_b if is_complaint else theme.canvas_text))
    elided = QFontMetricsF(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, elided)


def preview_rect(stage: QRectF, busy: Sequence[QRectF]) -> QRectF:
    """The place of the small preview: the corner that hides least of what is busy, the lower right if it can."""
    edge = min(PREVIEW_PX, stage.width() / 4)
    right, bottom = stage.right() - edge - _MARGIN_PX, stage.bottom() - edge - _MARGIN_PX
    left, top = stage.left() + _MARGIN_PX, stage.top() + _MARGIN_PX
    corners = [QRectF(x, y, edge, edge) for x, y in ((right, bottom), (left, bottom), (right, top), (left, top))]
    return min(corners, key=lambda corner: sum(_area(corner.intersected(each)) for each in busy))


def _area(rect: QRectF) -> float:
    return rect.width() * rect.height() if rect.isValid() else 0.0


def paint_preview(
    painter: QPainter, theme: Theme, box: QRectF, picture: Picture, corners: Sequence[QPointF], ratio: float
) -> None:
    """What the model will be shown: the crop turned upright, in `box`.

    Args:
        corners: Of the crop in pixels of `picture`: top left, bottom left, bottom right, top right.
    """
    square = polygon([box.topLeft(), box.bottomLeft(), box.bottomRight(), box.topRight()])
    edge = max(1.0, abs(corners[3].x() - corners[0].x()) + abs(corners[3].y() - corners[0].y()))
    image = picture.image_for(picture.width * box.width() * ratio / edge)
    shrink = image.width() / picture.width
    transform = QTransform.quadToQuad(polygon([corner * shrink for corner in corners]), square)
    painter.save()
    painter.fillRect(box.adjusted(-1, -1, 1, 1), QColor("#ffffff"))
    painter.fillRect(box, QColor(theme.canvas))
    painter.setClipRect(box)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    if isinstance(transform, QTransform):
        painter.setTransform(transform, True)
        painter.drawImage(QPointF(0, 0), image)
    painter.restore()


def _paint_label(painter: QPainter, place: QPointF, text: str, side: str) -> None:
    """A dark pill with words: it ends at `place`, begins there, or has its middle there."""
    font = caption_font()
    painter.setFont(font)
    width = QFontMetricsF(font).horizontalAdvance(text) + 10
    left = place.x() - {"left": width, "right": 0.0, "below": width / 2}[side]
    pill = QRectF(left, place.y() - _PILL_PX / 2, width, _PILL_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 150))
    painter.drawRoundedRect(pill, 4, 4)
    painter.setPen(QColor("#ffffff"))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)
