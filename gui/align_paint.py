"""How aligning a portrait looks: the crop, the rings, the small preview."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPen, QPolygonF

from gui.canvas_layout import Rect
from gui.theme import Theme, body_font, caption_font

PREVIEW_PX = 168.0
AS_CUT = "as it will be cut"
_GRIP_PX = 4.5
_LINE_GAP_PX = 2.0
_RING_PX = 10.0
_PILL_PX = 16.0
_MARGIN_PX = 14.0
_DIM = QColor(0, 0, 0, 140)


def ground(theme: Theme) -> QColor:
    return QColor(theme.canvas)


def polygon(corners: Sequence[tuple[float, float]]) -> QPolygonF:
    return QPolygonF([QPointF(*corner) for corner in corners])


def paint_crop(painter: QPainter, picture: QRectF, corners: Sequence[tuple[float, float]]) -> None:
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


def paint_grip(
    painter: QPainter,
    theme: Theme,
    place: tuple[float, float],
    corners: Sequence[tuple[float, float]],
    *,
    is_current: bool,
) -> None:
    """What sizes the crop, at a corner of it, or turns it: round, on an arm."""
    colour = QColor(theme.focus if is_current else "#ffffff")
    where, is_corner = QPointF(*place), tuple(place) in {tuple(corner) for corner in corners}
    if not is_corner:
        ends = [QPointF((x + u) / 2, (y + v) / 2) for (x, y), (u, v) in pairwise([*corners, corners[0]])]
        foot = min(ends, key=lambda end: (end - where).manhattanLength())
        painter.setPen(QPen(QColor(0, 0, 0, 120), 3))
        painter.drawLine(foot, where)
        painter.setPen(QPen(colour, 1.2))
        painter.drawLine(foot, where)
    painter.setPen(QPen(QColor(0, 0, 0, 150), 1))
    painter.setBrush(colour)
    if is_corner:
        painter.drawRect(QRectF(where.x() - _GRIP_PX, where.y() - _GRIP_PX, 2 * _GRIP_PX, 2 * _GRIP_PX))
    else:
        painter.drawEllipse(where, _GRIP_PX + 1.5, _GRIP_PX + 1.5)


def paint_ring(
    painter: QPainter, theme: Theme, place: QPointF, name: str, side: str, *, is_current: bool, is_guess: bool = False
) -> None:
    """A ring with a dot, readable on any picture, and its name on a `side` of it: left, right or below."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 150), 4.5))
    painter.drawEllipse(place, _RING_PX, _RING_PX)
    line = Qt.PenStyle.DotLine if is_guess else Qt.PenStyle.SolidLine
    painter.setPen(QPen(QColor(theme.focus if is_current else "#ffffff"), 2, line))
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


def head_height(said: Sequence[str], how: str, width_px: float) -> float:
    """What the sentences over the picture need."""
    return sum(height for _, height in _lines(said, how, width_px)) + 2 * _LINE_GAP_PX + 8


def paint_head(
    painter: QPainter, theme: Theme, box: QRectF, said: Sequence[str], how: str, *, is_complaint: bool
) -> None:
    """The sentences over the picture: what has to be said, and under it what to do."""
    y = box.top() + 6
    for number, (text, height) in enumerate(_lines(said, how, box.width())):
        is_how = number == len(said)
        painter.setFont(caption_font() if is_how else body_font())
        painter.setPen(QColor(theme.canvas_b if is_complaint and not is_how else theme.canvas_text))
        centred = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(QRectF(box.left(), y, box.width(), height), centred, text)
        y += height + _LINE_GAP_PX


def _lines(said: Sequence[str], how: str, width_px: float) -> list[tuple[str, float]]:
    """Texts and their heights: everything that has to be said, then what to do."""
    texts = [(line, body_font()) for line in said]
    texts.append((how, caption_font()))
    room, flags = QRectF(0, 0, max(width_px, 50.0), 1000), int(Qt.TextFlag.TextWordWrap)
    return [(text, QFontMetricsF(font).boundingRect(room, flags, text).height()) for text, font in texts]


def preview_edge(stage: Rect) -> float:
    return max(1.0, min(PREVIEW_PX, stage.width / 4, stage.height / 2.5))


def preview_rect(stage: Rect, busy: Sequence[QRectF]) -> QRectF:
    """The place of the small preview: the corner that hides least of what is busy, the lower right if it can."""
    edge = preview_edge(stage)
    right, bottom = stage.right - edge - _MARGIN_PX, stage.bottom - edge - _MARGIN_PX
    left, top = stage.x + _MARGIN_PX, stage.y + _MARGIN_PX
    corners = [QRectF(x, y, edge, edge) for x, y in ((right, bottom), (left, bottom), (right, top), (left, top))]
    return min(corners, key=lambda corner: sum(_area(corner.intersected(each)) for each in busy))


def _area(rect: QRectF) -> float:
    return rect.width() * rect.height() if rect.isValid() else 0.0


def paint_preview(painter: QPainter, theme: Theme, box: QRectF, crop: QImage) -> None:
    """What the model will be shown, in `box`."""
    painter.fillRect(box.adjusted(-1, -1, 1, 1), QColor("#ffffff"))
    painter.fillRect(box, QColor(theme.canvas))
    if not crop.isNull():
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(box, crop)
        painter.restore()
    _paint_label(painter, QPointF(box.center().x(), box.bottom() - 4 - _PILL_PX / 2), AS_CUT, "below")


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
