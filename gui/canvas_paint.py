"""How the canvas' pictures, captions, edges and handles look."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

from engine.state import View
from gui.canvas_layout import CAPTION_PX, Rect, Zoom, is_pixel_peeping
from gui.picture import Picture
from gui.theme import Theme, body_font, caption_font, mix

PROGRESS_PX = 2.0
EDGE_PX = 3.0
_GRIP_PX = 26.0


def qrect(rect: Rect) -> QRectF:
    return QRectF(rect.x, rect.y, rect.width, rect.height)


def paint_picture(
    painter: QPainter, picture: Picture, target: Rect, clip: Rect, ratio: float, zoom: Zoom, full_size_px: int
) -> None:
    """A picture over `target`, cut to `clip`. Coarse ones are smoothed; pixels are squares only to a close look."""
    peeping = picture.width == full_size_px and is_pixel_peeping(zoom, full_size_px, target.width * ratio)
    painter.save()
    painter.setClipRect(qrect(clip))
    picture.paint(painter, qrect(target), ratio, smooth=not peeping)
    painter.restore()


def paint_side_edge(painter: QPainter, theme: Theme, frame: Rect, view: View) -> None:
    """The teal left edge of A, the coral right edge of B."""
    x = frame.x if view is View.A else frame.right - EDGE_PX
    painter.fillRect(QRectF(x, frame.y, EDGE_PX, frame.height), QColor(theme.a if view is View.A else theme.b))


def caption_color(theme: Theme, view: View) -> QColor:
    return QColor({View.A: theme.canvas_a, View.B: theme.canvas_b}.get(view, theme.canvas_text))


def paint_caption(painter: QPainter, theme: Theme, frame: Rect, view: View, text: str) -> None:
    """Centred under its picture; wider than it where there is room, elided where there is not."""
    painter.setFont(caption_font())
    painter.setPen(caption_color(theme, view))
    _elided(painter, QRectF(frame.x, frame.bottom, frame.width, CAPTION_PX), text, Qt.AlignmentFlag.AlignCenter)


def paint_wipe_captions(
    painter: QPainter, theme: Theme, frame: Rect, views: tuple[View, View], texts: tuple[str, str]
) -> None:
    half = frame.width / 2 - 8
    boxes = (
        (QRectF(frame.x, frame.bottom, half, CAPTION_PX), Qt.AlignmentFlag.AlignLeft),
        (QRectF(frame.right - half, frame.bottom, half, CAPTION_PX), Qt.AlignmentFlag.AlignRight),
    )
    painter.setFont(caption_font())
    for (box, side), view, text in zip(boxes, views, texts, strict=True):
        painter.setPen(caption_color(theme, view))
        _elided(painter, box, text, side | Qt.AlignmentFlag.AlignVCenter)


def paint_wipe_handle(painter: QPainter, theme: Theme, x: float, visible: Rect, height: float) -> None:
    """A line from edge to edge of the picture with a grip in its middle."""
    top, bottom = max(0.0, visible.y), min(height, visible.bottom)
    middle = QPointF(x, (top + bottom) / 2)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(x - 1.5, top, 3, bottom - top), QColor(0, 0, 0, 110))
    painter.fillRect(QRectF(x - 0.75, top, 1.5, bottom - top), QColor("#ffffff"))
    painter.setPen(QPen(QColor(0, 0, 0, 110), 1))
    painter.setBrush(QColor("#f4f4f5"))
    painter.drawEllipse(middle, _GRIP_PX / 2, _GRIP_PX / 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for sign, color in ((-1, theme.a), (1, theme.b)):
        arrow = QPainterPath(QPointF(x + sign * 4, middle.y() - 4))
        arrow.lineTo(QPointF(x + sign * 8, middle.y()))
        arrow.lineTo(QPointF(x + sign * 4, middle.y() + 4))
        pen = QPen(QColor(color).darker(125), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPath(arrow)
    painter.restore()


def paint_empty_frame(painter: QPainter, theme: Theme, frame: Rect) -> None:
    """The place of a picture that has not come yet."""
    painter.fillRect(qrect(frame), mix(theme.canvas, theme.line, 0.35))


def paint_progress(painter: QPainter, theme: Theme, area: QRectF, fraction: float) -> None:
    """A line along the foot: something finer is coming."""
    width = area.width() * min(1.0, max(0.0, fraction))
    painter.fillRect(QRectF(area.left(), area.bottom() - PROGRESS_PX, width, PROGRESS_PX), QColor(theme.focus))


def paint_hint(painter: QPainter, theme: Theme, area: QRectF, text: str) -> None:
    """What the empty canvas says: a dashed frame with words."""
    frame = QRectF(0, 0, min(420.0, area.width() - 40), 150)
    frame.moveCenter(area.center())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(mix(theme.canvas, theme.canvas_text, 0.45), 1, Qt.PenStyle.DashLine))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(frame.toAlignedRect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
    painter.setPen(QColor(theme.canvas_text))
    painter.setFont(body_font())
    flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
    painter.drawText(frame.adjusted(24, 12, -24, -12), flags, text)
    painter.restore()


def paint_drop_target(painter: QPainter, theme: Theme, area: QRectF) -> None:
    """While files hang over the canvas."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    tint = QColor(theme.focus)
    tint.setAlphaF(0.12)
    painter.setPen(QPen(QColor(theme.focus), 2))
    painter.setBrush(tint)
    painter.drawRoundedRect(area.adjusted(5, 5, -5, -5), 8, 8)
    font = body_font()
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    text = "Drop to open"
    pill = QRectF(0, 0, QFontMetricsF(font).horizontalAdvance(text) + 36, 34)
    pill.moveCenter(QPointF(area.center().x(), area.bottom() - 48))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.raised))
    painter.drawRoundedRect(pill, 17, 17)
    painter.setPen(QColor(theme.text))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


def _elided(painter: QPainter, box: QRectF, text: str, alignment: Qt.AlignmentFlag) -> None:
    metrics = QFontMetricsF(painter.font())
    painter.drawText(box, alignment, metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width()))
