"""How the canvas' pictures, captions, edges and handles look."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QTransform

from engine.state import View
from gui.canvas_layout import CAPTION_PX, GRID_FROM_PX, Rect, Zoom, grid_lines, is_pixel_peeping
from gui.comparison import Plate
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
    """A picture over `target`, cut to `clip`. Coarse ones are smoothed; pixels are squares only to a close look, and
    to a closer one there are lines between them."""
    peeping = picture.width == full_size_px and is_pixel_peeping(zoom, full_size_px, target.width * ratio)
    painter.save()
    painter.setClipRect(qrect(clip))
    picture.paint(painter, qrect(target), ratio, smooth=not peeping)
    if peeping and target.width * ratio >= GRID_FROM_PX * full_size_px:
        _paint_grid(painter, picture, target, clip)
    painter.restore()


def _paint_grid(painter: QPainter, picture: Picture, target: Rect, clip: Rect) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(QColor(128, 128, 128, 120), 0))
    top, bottom = max(target.y, clip.y), min(target.bottom, clip.bottom)
    left, right = max(target.x, clip.x), min(target.right, clip.right)
    lines = [QLineF(x, top, x, bottom) for x in grid_lines(target, clip, picture.width, across=True)]
    lines += [QLineF(left, y, right, y) for y in grid_lines(target, clip, picture.height, across=False)]
    painter.drawLines(lines)


def paint_side_edge(painter: QPainter, theme: Theme, frame: Rect, view: View) -> None:
    """The teal left edge of A, the coral right edge of B."""
    x = frame.x if view is View.A else frame.right - EDGE_PX
    painter.fillRect(QRectF(x, frame.y, EDGE_PX, frame.height), QColor(theme.a if view is View.A else theme.b))


def caption_color(theme: Theme, plate: Plate) -> QColor:
    if plate is View.A:
        return QColor(theme.canvas_a)
    return QColor(theme.canvas_b if plate is View.B else theme.canvas_text)


def paint_caption(painter: QPainter, theme: Theme, frame: Rect, plate: Plate, text: str) -> None:
    """Centred under its picture; wider than it where there is room, elided where there is not."""
    painter.setFont(caption_font())
    painter.setPen(caption_color(theme, plate))
    _elided(painter, QRectF(frame.x, frame.bottom, frame.width, CAPTION_PX), text, Qt.AlignmentFlag.AlignCenter)


def paint_wipe_captions(
    painter: QPainter,
    theme: Theme,
    frame: Rect,
    plates: tuple[Plate, Plate],
    texts: tuple[str, str],
    *,
    lit: Plate | None = None,
) -> None:
    """Left and right under the picture.

    Args:
        lit: Which of them is on screen; the other one's words are faint. None is both.
    """
    half = frame.width / 2 - 8
    boxes = (
        (QRectF(frame.x, frame.bottom, half, CAPTION_PX), Qt.AlignmentFlag.AlignLeft),
        (QRectF(frame.right - half, frame.bottom, half, CAPTION_PX), Qt.AlignmentFlag.AlignRight),
    )
    painter.setFont(caption_font())
    for (box, side), plate, text in zip(boxes, plates, texts, strict=True):
        color = caption_color(theme, plate)
        is_faint = lit is not None and plate != lit
        painter.setPen(mix(theme.canvas, color.name(), 0.35) if is_faint else color)
        _elided(painter, box, text, side | Qt.AlignmentFlag.AlignVCenter)


def paint_wipe_handle(
    painter: QPainter, place: float, picture: Rect, area: Rect, *, colors: tuple[str, str], is_level: bool
) -> None:
    """A line from edge to edge of the picture with a grip in its middle.

    Args:
        place: Its x; its y where it lies level.
        colors: Of the arrows towards the left or upper, and the right or lower picture.
    """
    start, end = (picture.x, picture.right) if is_level else (picture.y, picture.bottom)
    start, end = max(0.0, start), min(area.right if is_level else area.bottom, end)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if is_level:  # what follows is drawn upright: (x, y) are exchanged
        painter.setTransform(QTransform(0, 1, 1, 0, 0, 0), True)
    middle = QPointF(place, (start + end) / 2)
    painter.fillRect(QRectF(place - 1.5, start, 3, end - start), QColor(0, 0, 0, 110))
    painter.fillRect(QRectF(place - 0.75, start, 1.5, end - start), QColor("#ffffff"))
    painter.setPen(QPen(QColor(0, 0, 0, 110), 1))
    painter.setBrush(QColor("#f4f4f5"))
    painter.drawEllipse(middle, _GRIP_PX / 2, _GRIP_PX / 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for sign, color in zip((-1, 1), colors, strict=True):
        arrow = QPainterPath(QPointF(place + sign * 4, middle.y() - 4))
        arrow.lineTo(QPointF(place + sign * 8, middle.y()))
        arrow.lineTo(QPointF(place + sign * 4, middle.y() + 4))
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
